"""Final answers in texts: found, tidied, and compared where they are plain numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.tasks.math_answers import (
    read_boxed,
    read_marked,
    same_number,
    tidy,
    without_annotations,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{5}", "5"),
        (r"first \boxed{1}, then \boxed{2}", "2"),
        (r"nested \boxed{\frac{1}{\sqrt{2}}}.", r"\frac{1}{\sqrt{2}}"),
        (r"escaped \boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{x \mid x > 0\right.}", r"\left\{x \mid x > 0\right."),
        (r"$\boxed 7$ and more", "7"),
        (r"\fbox{8}", "8"),
        (r"\boxed {9}", "9"),
        (r"\boxed{ $10$. }", "10"),
        (r"\boxed{\begin{pmatrix} 1 \\ 2 \end{pmatrix}}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\boxed{}", None),
        (r"\boxed{cut off", None),
        (r"good \boxed{1}, but then \boxed{cut off", None),
        (r"\boxedness{5}", None),
        ("no answer", None),
        ("", None),
    ],
)
def test_the_answer_is_what_the_last_box_holds(text: str, answer: str | None) -> None:
    assert read_boxed(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She has 18.\n#### 18", "18"),
        ("####18", "18"),
        ("#### $1,250.50", "1,250.50"),
        ("#### 18.", "18"),
        ("#### 18 eggs per day", "18"),
        ("#### 20%", "20"),
        ("#### -3", "-3"),
        ("#### 1/2", "1/2"),
        ("#### 3x + 2", "3x + 2"),
        ("#### Step 1\nadd\n#### 4\nDone.", "4"),
        ("#### ", None),
        ("The answer is 18", None),
        ("", None),
    ],
)
def test_the_answer_stands_after_the_last_mark(text: str, answer: str | None) -> None:
    assert read_marked(text) == answer


@pytest.mark.parametrize(
    ("answer", "tidied"),
    [
        (r"\$18", "18"),
        ("**18**", "18"),
        (r"10{,}000", "10,000"),
        (r"1\!000", "1000"),
        (r"12\,345\,678", "12345678"),
        ("12 345", "12345"),
        ("100, 200", "100, 200"),
        ("(100, 200)", "(100, 200)"),
        (r"\frac\pi2", r"\frac{\pi}{2}"),
        (r"\dfrac 34", r"\dfrac{3}{4}"),
        (r"\frac1{x+1}", r"\frac{1}{x+1}"),
        (r"\frac{\sqrt{3}}2", r"\frac{\sqrt{3}}{2}"),
        (" . ", None),
    ],
)
def test_what_says_nothing_is_taken_away(answer: str, tidied: str | None) -> None:
    assert tidy(answer) == tidied


@given(st.text(alphabet=r"\boxed{}$ 12#,.{ }"))
def test_no_text_is_too_strange_to_read(text: str) -> None:
    for read in (read_boxed, read_marked):
        found = read(text)
        assert found is None or found == found.strip() != ""


@given(st.integers(), st.integers())
def test_whole_numbers_are_the_same_if_they_are_equal(a: int, b: int) -> None:
    if len(str(a)) < 40 and len(str(b)) < 40:
        assert same_number(f"{a:,}", f"{a}.0") is True
        assert same_number(str(a), str(b)) is (a == b)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (".5", "0.50", True),
        ("+5", "5.", True),
        ("-0", "0", True),
        ("0.3333333", "0.3333334", True),  # both 0.333333
        ("0.333333", "0.333334", False),
        ("1,0000", "10000", None),
        ("1/2", "0.5", None),
        ("50%", "50", None),
        ("٣", "3", None),
        (".", "0", None),
        ("", "0", None),
        ("9" * 10_000, "9" * 10_000, None),
    ],
)
def test_plain_numbers_are_compared_to_six_places(one: str, other: str, same: bool | None) -> None:
    assert same_number(one, other) is same
    assert same_number(other, one) is same


def test_calculator_annotations_are_removed_and_nothing_else() -> None:
    solution = "48/2 = <<48/2=24>>24 clips, 5 << 6, and <<24+1=25>>25 in all."
    assert without_annotations(solution) == "48/2 = 24 clips, 5 << 6, and 25 in all."
