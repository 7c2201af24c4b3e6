"""Pages and docstrings keep the style that can be checked, and no link leads nowhere."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

CHECKS: dict[str, Any] = runpy.run_path(
    str(Path(__file__).parents[1] / "docs" / "check_prose.py"), run_name="checks"
)


def words(count: int) -> str:
    """So many words, none of them twice."""
    return " ".join(f"w{number}" for number in range(count))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It teaches. It learns.", []),
        ("It teaches the\nthe student.", ["'the the': a word twice"]),
        ("All that that asks; `x x` and [x](x) [x](x).", []),
        ("In order to teach, teach.", ["'in order to': to"]),
        ("```\nutilize utilize\n```\n", []),
        ("| utilize |\n| utilize |", []),
        (words(61), ["61 words in a sentence: " + words(61)[:60] + "…"]),
        (f"{words(40)}. W{words(40)}.", []),
        (f"* {words(40)}\n* {words(40)}", []),
        ("For whoever reads.", ["'whoever': name the person or the program"]),
        ("The run goes on where it was.", ["'goes on where': continues"]),
        ("What is asked is charged.", ["'What' as a subject: What is asked is charged.…"]),
        ("What is asked? Questions.", []),
        ("# What is asked\n\nQuestions.", []),
        (
            "It is that which he who sees what is there wants.",
            ["4 relative words in a sentence: It is that which he who sees what is there wants.…"],
        ),
        ("It is that which he who sees it wants.", []),
    ],
)
def test_prose_is_read_without_code_and_tables(text: str, found: list[str]) -> None:
    assert list(CHECKS["faults_of_prose"](text)) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("What is taught.", ["What is taught.…"]),
        ("How fast it learns.", ["How fast it learns.…"]),
        ("Of the samples, > 0.", ["Of the samples, > 0.…"]),
        ("Whether it learns.", []),
        ("The task that is taught.", []),
        ("Whole texts.", []),
    ],
)
def test_a_docstring_begins_with_a_verb_or_a_head(line: str, found: list[str]) -> None:
    source = f'x = 1\n    """{line}"""\n'
    said = [f"a docstring without a verb or a head: {text}" for text in found]
    assert list(CHECKS["faults_of_docstrings"](source)) == said


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One\n\n## Two: `three`, four\n")
    text = (
        "[a](other.md) [b](other.md#two-three-four) [c](https://x.org/#y) [d](#here)\n\n## Here\n"
        "[e](none.md) [f](other.md#five) [g](#there)\n```\n[h](none.md)\n```\n"
    )
    page = tmp_path / "page.md"
    page.write_text(text)
    assert list(CHECKS["broken_links"](page, text)) == [
        "link to none.md, which is not there",
        "link to other.md#five, which has no such heading",
        "link to #there, which has no such heading",
    ]


def test_there_is_nothing_to_find(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        CHECKS["main"]()
    assert (capsys.readouterr().out, end.value.code) == ("", 0)
