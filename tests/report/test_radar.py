"""Radar charts: geometry by hand, and what is said where something was not measured."""

from __future__ import annotations

import math
import re

from teachgym.report.html import Mark, radar_chart

NOWHERE = Mark(math.nan, math.nan, math.nan, "nothing")


def drawn(style: str, svg: str) -> list[str]:
    return re.findall(f'<path class="{style}" d="([^"]+)"', svg)


def test_four_axes_point_up_right_down_and_left() -> None:
    """The middle is (200, 131) and the rim 96 away: 1 up is y = 35, 0.5 right is x = 248."""
    values = {"up": 1.0, "right": 0.5, "down": 0.25, "left": 0.0}
    marks = {name: Mark(v, math.nan, math.nan, name) for name, v in values.items()}
    svg = radar_chart(marks, "profile", at=0.5)
    assert drawn("line", svg) == ["M200 35L248 131L200 155L200 131Z"]


def test_the_ring_for_comparison_is_where_it_was_asked_for() -> None:
    """A quarter of 96 is 24."""
    svg = radar_chart({"a": NOWHERE}, "profile", at=0.25)
    assert '<circle class="zero" cx="200" cy="131" r="24">' in svg


def test_whiskers_lie_on_the_axis() -> None:
    """From 0.5 to 1 of 96, straight up: from 131 - 48 to 131 - 96."""
    svg = radar_chart({"a": Mark(0.75, 0.5, 1.0, "a")}, "profile", at=0.5)
    assert drawn("whisker", svg) == ["M200 83L200 35"]


def test_a_profile_with_a_gap_shows_its_marks_and_no_shape() -> None:
    marks = {"a": Mark(0.5, 0.4, 0.6, "a is 0.5"), "b": NOWHERE, "c": Mark(0.2, 0.1, 0.3, "c")}
    svg = radar_chart(marks, "profile", at=0.5)
    assert drawn("line", svg) == drawn("band", svg) == []
    assert svg.count('class="dot"') == 2
    assert ">b</text>" in svg


def test_names_are_texts_and_the_chart_can_be_read_aloud() -> None:
    svg = radar_chart({"<b>": Mark(0.5, 0.4, 0.6, "half & half")}, "who", note="why", at=0.5)
    assert "<b>" not in svg
    assert 'aria-label="who. half &amp; half"' in svg
    assert "<span>why</span>" in svg
