"""What notebooks show of a value: small tables into which no text of others brings markup."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from teachgym.escaping import notebook_table
from teachgym.forest import Forest
from teachgym.forest.forest import Subskill
from teachgym.runs.result import Comparison, RunResult
from teachgym.types import (
    Episode,
    Example,
    Order,
    Plan,
    Prediction,
    Report,
    Score,
    Transition,
)
from tests.runs.results import result_of

PARTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
    "</table>",
    '">',
    "&lt;b&gt;",
    "<!--",
)
TEXT = st.lists(st.text(max_size=5) | st.sampled_from(PARTS), max_size=4).map("".join)
ALLOWED = {"table", "caption", "thead", "tbody", "tr", "th", "td"}


class Tags(HTMLParser):
    """Collects what a browser would take for markup, and what is left as text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.others: list[Any] = []
        self.cells: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.others += attrs
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


def score(mean: float = 0.5) -> Score:
    return Score(4, mean, 0.25)


def report(text: str) -> Report:
    return Report((Prediction(Example(text, text, text), text, 1.0),), "val")


def result(text: str) -> RunResult:
    compared = Comparison(score(), score(), Score(4, 0.0, 0.1), {text: score()}, {})
    return result_of(compared, text, seed=1, curve=(score(),))


def values(text: str) -> list[Any]:
    metrics = {"accuracy": 0.5, "stderr": 0.1, "n": 4, "accepted": 3, text: 1.0}
    steps = (Transition(text, text, 0.5, text, False, True, {"metrics": metrics}),)
    tree = {text: (Subskill(text, 1.5, 3, text),)}
    return [
        report(text),
        Plan((Order(text, 3, hint=text, engine=text, subskill=text),)),
        Episode(steps, 1, text),
        Forest(tree, 3),
        result(text),
    ]


@given(TEXT)
def test_no_text_becomes_markup(text: str) -> None:
    for value in values(text):
        found = Tags(value._repr_html_())
        assert set(found.tags) <= ALLOWED, type(value)
        assert found.others == []
        assert found.tags.count("table") == 1


@given(st.text("abc<>&\"'", min_size=1, max_size=20))
def test_texts_are_shown_as_they_are(text: str) -> None:
    for value in (report(text), values(text)[1], values(text)[3]):
        assert text in Tags(value._repr_html_()).cells


@given(st.integers(0, 400), st.integers(0, 2000))
def test_tables_stay_small_and_say_that_there_is_more(rows: int, length: int) -> None:
    html = notebook_table("t", ("a",), (("x" * length,) for _ in range(rows)))
    found = Tags(html)
    assert found.tags.count("tr") <= 32
    assert max(map(len, found.cells)) <= 200
    assert ("and more" in found.cells) == (rows > 30)


def test_a_report_shows_each_skill_with_error_and_n() -> None:
    """Of skill a one of two is right: 0.5, sqrt(0.25 / 2) = 0.354; b was not measured."""
    scores = [("a", 1.0), ("a", 0.0), ("b", math.nan)]
    predictions = tuple(Prediction(Example("p", "t", skill), "r", s) for skill, s in scores)
    cells = Tags(Report(predictions, "test")._repr_html_()).cells
    half = "0.500 ± 0.354 (n=2)"
    assert cells == [f"Report on test: {half}", "skill", "accuracy", "a", half, "b", "not measured"]


def test_secrets_and_control_characters_are_not_shown() -> None:
    html = Plan((Order("\x1b[2J\u202e", 1),))._repr_html_()
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert np.all([ord(c) >= 32 for c in html])
