"""Charts by numbers that can be checked by hand, as figures and in the page."""

from __future__ import annotations

import math
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from teachgym.report.charts import (
    COLORS,
    Chart,
    Frame,
    Line,
    Mark,
    Point,
    Row,
    colored,
    estimate_mark,
    interval_chart,
    line_chart,
    radar_chart,
    score_mark,
)
from teachgym.report.figures import save_charts
from teachgym.report.html import grid
from teachgym.types import Score

FRAME = Frame("a title", "steps", "accuracy", "n = 3")
HALF = Mark(0.5, 0.4, 0.6, "half")
NOWHERE = Mark(math.nan, math.nan, math.nan, "nothing")


def parse(markup: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))


def tooltips(chart: Chart) -> list[tuple[str, float, float]]:
    """Texts and places of the dots over the marks, in the page."""
    dots = (dot for dot in parse(grid([chart])).iter("circle") if dot.get("class") == "hidden")
    return [
        (dot.findtext("title", ""), float(dot.get("cx", "")), float(dot.get("cy", "")))
        for dot in dots
    ]


def whiskers(chart: Chart) -> list[list[list[float]]]:
    (axes,) = chart.figure.axes
    return [path.vertices.tolist() for c in axes.collections for path in c.get_paths()]


def test_a_point_that_was_not_measured_is_not_drawn() -> None:
    chart = line_chart([Line("", [Point(0, HALF), Point(1, NOWHERE)])], FRAME)
    (line,) = chart.figure.axes[0].lines
    assert line.get_xydata().tolist() == [[0, 0.5]]
    assert [tip.text for tip in chart.tips] == ["half"]
    (svg,) = parse(grid([chart])).iter("svg")
    assert svg.get("aria-label") == "a title. half"


def test_an_unknown_interval_is_not_drawn() -> None:
    """Of two marks, one has an interval: one whisker; a single run has no standard error."""
    rows = [
        Row("a", [Mark(0.5, 0.4, 0.6, "known")], ""),
        Row("b", [estimate_mark("b", Score(1, 0.5, math.nan))], ""),
    ]
    chart = interval_chart(rows, "title", "accuracy")
    assert whiskers(chart) == [[[0.4, 0], [0.6, 0]]]
    assert [tip.text for tip in chart.tips] == ["known", "b: 0.500 (n=1)"]


def test_a_line_of_whole_things_has_no_tick_between_them() -> None:
    chart = line_chart(
        [Line("", [Point(x, HALF) for x in range(4)])], Frame("", "", "", whole=True)
    )
    axes = chart.figure.axes[0]
    assert {tick % 1 for tick in axes.get_xticks()} == {0}
    wide = line_chart([Line("", [Point(0, HALF)])], Frame("", "", "", y_range=(0, 1)))
    low, high = wide.figure.axes[0].get_ylim()
    assert low <= 0 < 1 <= high


def test_only_a_chart_of_several_lines_has_a_legend() -> None:
    assert not line_chart([Line("one", [Point(0, HALF)])], FRAME).figure.legends
    two = line_chart([Line("one", [Point(0, HALF)]), Line("two", [Point(0, HALF)])], FRAME)
    (legend,) = two.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]


def test_a_legend_has_every_name_and_long_ones_with_their_ends() -> None:
    """Of 28 characters 14 are the first and 13 the last; matplotlib hides names that begin so."""
    runs = [f"/a/{'long' * 9}/seed_{n}" for n in range(2)]
    lines = [Line(name, [Point(0, HALF)]) for name in ("_old", *runs)]
    (legend,) = line_chart(lines, FRAME).figure.legends
    said = ["_old", *(f"/a/longlonglon…ngLong/seed_{n}".replace("L", "l") for n in range(2))]
    assert [text.get_text() for text in legend.get_texts()] == said


def test_colours_are_given_to_as_many_names_as_there_are_colours() -> None:
    first, second = colored([*"abcdefghij"])
    assert first == {name: f"c{n}" for n, name in enumerate("abcdefgh")}
    assert second == {"i": "c0", "j": "c1"}


def test_a_tooltip_lies_over_its_mark() -> None:
    """Equal marks at 0, 1 and 2 are equally far apart and equally high, within the margins."""
    chart = line_chart([Line("", [Point(x, HALF) for x in range(3)])], FRAME)
    (_, first, y), (_, middle, _), (_, last, end) = tooltips(chart)
    assert 46 < first < last < 400 - 14
    assert middle - first == pytest.approx(last - middle, abs=0.02)
    assert y == end == pytest.approx((24 + 250 - 38) / 2, abs=0.02)


def test_a_radar_has_its_axes_clockwise_from_the_top() -> None:
    """The tooltips of four equal marks are above, right of, below and left of the middle."""
    marks = {name: Mark(1.0, 0.5, 1.0, name) for name in ("up", "right", "down", "left")}
    chart = radar_chart({"one": marks}, "profile", at=0.5)
    places = {text: (x, y) for text, x, y in tooltips(chart)}
    middle = np.mean(list(places.values()), axis=0)
    signs = {text: np.sign(np.round(place - middle)).tolist() for text, place in places.items()}
    assert signs == {"up": [0, -1], "right": [1, 0], "down": [0, 1], "left": [-1, 0]}


def test_a_profile_with_a_gap_shows_its_marks_and_no_shape() -> None:
    marks = {"a": HALF, "b": NOWHERE, "c": Mark(0.2, 0.1, 0.3, "c")}
    chart = radar_chart({"one": marks, "two": {"a": HALF}}, "profile", at=0.5)
    gap, whole = chart.figure.axes
    assert (len(gap.patches), len(whole.patches)) == (0, 1)
    assert [label.get_text() for label in gap.get_xticklabels()] == ["a", "b", "c"]
    assert [tip.text for tip in chart.tips] == ["half", "c", "half"]


def test_charts_in_the_page_follow_its_theme_and_share_no_id() -> None:
    """Colours of the style sheet are named, not repeated; equal drawings differ by their titles."""
    frames = [Frame(title, "steps", "accuracy") for title in ("one", "two")]
    page = grid([line_chart([Line("", [Point(0, HALF)], "c3")], frame) for frame in frames])
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)", page)) == (
        set(ids)
    )
    assert "stroke: var(--c3)" in page
    assert not re.search("(fill|stroke): #", page)


def test_colours_are_those_of_the_style_sheet() -> None:
    sheet = (files("teachgym.report.html") / "templates" / "page.css").read_text()
    assert dict(re.findall(r"--(\w+): light-dark\((#\w+)", sheet)).items() >= COLORS.items()


@settings(max_examples=20, deadline=None)  # Each draws a figure.
@example("</svg><script>alert(1)</script>")
@example('" onload="x')
@example("$x_{$")
@given(st.text(min_size=1, max_size=20))
def test_names_stay_texts(name: str) -> None:
    """Whatever is in a name, the drawing has the elements that it has with a harmless one."""
    assert tags(name) == tags("harmless")


@cache
def tags(text: str) -> list[str]:
    """The elements of a drawing in which everything is called so."""
    rows = [Row(text, [Mark(0.5, 0.4, 0.6, text)], text)]
    # XML has no control characters; HTML's parser takes them.
    clean = "".join(c for c in grid([interval_chart(rows, text, text)]) if c.isprintable())
    return [element.tag for element in parse(Markup(clean)).iter()]


def test_charts_are_saved_with_what_the_page_says_beside_them(tmp_path: Path) -> None:
    save_charts(tmp_path, {"one": line_chart([Line("", [Point(0, HALF)])], FRAME)}, "who taught")
    texts = list(ElementTree.parse(tmp_path / "one.svg").getroot().itertext())
    assert {"who taught", "a title", "n = 3", "accuracy"} <= {text.strip() for text in texts}
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_score_keeps_within_its_range() -> None:
    right = Score(10, 1.0, 0.0)
    assert (score_mark("", right).low, score_mark("", right).high) == (1.0, 1.0)
    assert score_mark("", Score(4, 0.9, 0.2)).high == 1.0
