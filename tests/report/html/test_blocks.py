"""Tables, trees and records by numbers that can be checked by hand."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from teachgym.escaping import element
from teachgym.forest import Forest, Subskill
from teachgym.report.html import Cell, html_table, page
from teachgym.report.html.page import Browser, browse
from teachgym.report.html.records import (
    Written,
    by_step,
    change_rows,
    example_browser,
    hint_rows,
    loss_rows,
)
from teachgym.report.html.trees import forest_chart, walk
from teachgym.types import Example, Prediction, Provenance, Report


def parse(markup: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))


def all_of(markup: Markup, tag: str) -> list[ElementTree.Element]:
    return list(parse(markup).iter(tag))


@given(st.text())
def test_texts_and_attributes_come_back_as_they_went_in(text: str) -> None:
    """XML has no control characters, so those are left out here."""
    text = "".join(c for c in text if c.isprintable())
    found = parse(element("text", text, class_=text))
    assert (found.text or "") == text
    assert found.get("class", "") == text


def test_cells_are_shaded_explained_and_linked() -> None:
    cells = [Cell("9", -0.5, note="low"), Cell("run", link="a b/report.html")]
    table = html_table([("name", "x", "y"), ("row", *cells)], sortable=True)
    name, low, run = all_of(table, "td")
    assert (name.get("class"), low.get("class"), low.get("title")) == ("words", "below", "low")
    assert low.get("style") == "--heat:-0.500"
    assert [a.get("href") for a in run] == ["a%20b/report.html"]
    assert len(all_of(table, "button")) == 3


@pytest.mark.parametrize("bracket", ["[-0.1, +0.3]", "(n=384)"])
def test_a_line_may_end_between_a_value_and_a_bracket(bracket: str) -> None:
    text = f"+0.1 ± 0.0 {bracket}"
    (_, cell) = all_of(html_table([("arm", "gain"), ("a", text)]), "td")
    assert [part.tag.rpartition("}")[2] for part in cell] == ["wbr"]
    assert "".join(cell.itertext()) == text
    assert cell.text == "+0.1 ± 0.0 "


DEEP = (
    Subskill("a", 2, 4, answered=4, right=2.0),
    Subskill("b"),
    Subskill("a1", parent="a"),
    Subskill("a2", parent="a1"),
)


def test_a_tree_is_walked_by_depth_with_children_under_their_parents() -> None:
    assert [(depth, s.name) for depth, s in walk(DEEP)] == [
        (1, "a"),
        (2, "a1"),
        (3, "a2"),
        (1, "b"),
    ]


def test_a_forest_is_drawn_with_a_branch_to_every_subskill() -> None:
    chart = forest_chart(Forest({"root": DEEP, "bare": ()}, 8))
    kinds = [path.get("class") for path in all_of(chart, "path")]
    assert kinds.count("branch") == 4
    (svg,) = all_of(chart, "svg")
    assert "a2 (under a1): 0 a step, 0 taught, own data not measured" in svg.get("aria-label", "")
    assert "a: 2 a step, 4 taught, own data 0.500 ± 0.250 (n=4)" in svg.get("aria-label", "")


def _report(*scores: float) -> Report:
    return Report(tuple(Prediction(Example("p", "t", "s"), "r", score) for score in scores), "test")


def test_answers_are_counted_by_what_became_of_them() -> None:
    pair = (_report(1, 0, 0, 1, math.nan, 0.5), _report(0, 1, 0.5, 1, 1, 1))
    assert change_rows([pair]) == (
        ("split", "right → wrong", "wrong → right", "still wrong", "still right", "not measured"),
        ("test", "1", "2", "1", "1", "1"),
    )


def _written(hint: str, verdict: str, step: int) -> Written:
    made = Provenance(("s1", "s2"), "llm", step, hint=hint, subskill="sub")
    return Written(
        step, Example("p", "t", "add", provenance=made, rejected="worse"), verdict, "why"
    )


def test_what_the_teacher_said_is_listed_with_what_was_made_of_it() -> None:
    written = [
        _written("carry", "accepted", 1),
        _written("carry", "duplicate", 1),
        _written("", "accepted", 1),
    ]
    assert hint_rows(written)[1:] == (("1", "add", "sub", "carry", "1", "1"),)


def test_an_example_is_shown_with_its_verdict_and_origin() -> None:
    (row,) = example_browser("x", [_written("carry", "duplicate", 3)]).rows
    assert row == [
        "duplicate",
        "3",
        "add",
        "sub",
        "llm",
        "",
        "exercise",
        "p",
        None,
        "t",
        "worse",
        "carry",
        "s1, s2",
        "why",
        None,
        None,
    ]


def test_mean_losses_are_listed_by_skill_and_step_and_shaded_by_size() -> None:
    """add: (1 + 3) / 2 = 2 in step 1, 5 in step 2, 3 in all; sort: 2.5 in step 2, half of 5."""
    known = (("add", 1, 1.0), ("add", 1, 3.0), ("add", 2, 5.0), ("sort", 2, 2.5), ("sort", 1, None))
    rows = loss_rows(Written(step, Example("p", "t", s), "accepted", "", x) for s, step, x in known)
    assert rows == [
        ["skill", "all steps", "step 1", "step 2"],
        ["add", Cell("3.00", 0.6, "n=3"), Cell("2.00", 0.4, "n=2"), Cell("5.00", 1.0, "n=1")],
        ["sort", Cell("2.50", 0.5, "n=1"), "", Cell("2.50", 0.5, "n=1")],
    ]
    assert loss_rows([_written("", "accepted", 1)]) == [["skill", "all steps"]]


def test_counts_per_step_are_zero_where_nothing_happened() -> None:
    lines = [{"step": 0}, {"step": 1, "rejected/format": 2}, {"step": 2}]
    assert by_step(lines, "rejected/", "reason") == (
        ("reason", "step 1", "step 2"),
        ("format", "2", "0"),
    )


def test_of_many_steps_several_share_a_column() -> None:
    """Of 50 steps two share each of 25 columns: 1 + 2 = 3 in the first, and a mean loss of 1.5."""
    steps = range(1, 51)
    header, row = by_step([{"step": n, "rejected/format": n} for n in steps], "rejected/", "reason")
    assert (header[:2], len(header), row[:2]) == (("reason", "steps 1 to 2"), 26, ("format", "3"))
    made = [Written(n, Example("p", "t", "add"), "accepted", "", float(n)) for n in steps]
    assert loss_rows(made)[1][2] == Cell("1.50", 1.5 / 49.5, "n=2")


def test_a_browser_says_how_many_of_its_records_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 characters at most 25: every third of six records."""
    monkeypatch.setattr(page, "MOST_CHARS", 25)
    shown = browse(Browser("key", ("a",), ("b",), [[str(n), "123456789"] for n in range(6)]))
    assert "2 of 6, evenly chosen" in shown
    assert '"rows":[["0","123456789"],["3","123456789"]]' in shown


def test_a_number_that_json_does_not_have_is_never_written() -> None:
    browser = Browser("key", ("a",), ("b",), [["1", None]])
    assert '"rows":[["1",null]]' in browse(browser)
