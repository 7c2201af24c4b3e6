"""Charts as inline SVG: they follow the page's theme, shrink with it, and can be read aloud.

Colours are classes of the style sheet (``c0`` to ``c7``, ``quiet``). Every mark has its numbers as
a tooltip, and a chart's label for screen readers lists them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from teachgym.escaping import element, joined
from teachgym.report.html.svg import Scale, compact, path

_WIDTH, _HEIGHT = 400, 250
_SMALL = (210, 140)
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 26, 38
_ROW, _LETTER, _LONGEST = 20, 6.6, 20
"""Height of a row, mean width of a letter, and letters of a name, at most."""
_READ_ALOUD = 60
"""Marks in a label for screen readers, at most."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A measured number with its interval."""

    value: float
    """nan = not measured: not drawn."""
    low: float
    """Lower end of the interval; nan = unknown: not drawn."""
    high: float
    note: str
    """Everything in words: what it is, its interval, its n."""
    style: str = "c0"
    """Class of the style sheet."""


@dataclass(frozen=True, slots=True)
class Point:
    """A mark somewhere along an axis."""

    x: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one colour, ascending in x."""

    name: str
    """For the legend; a chart of one line has none."""
    points: Sequence[Point]
    style: str = "c0"
    joined: bool = True
    """Whether a line connects them."""
    band: bool = False
    """Whether the intervals are a band and the points are left out, instead of whiskers."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of an interval chart."""

    name: str
    marks: Sequence[Mark]
    text: str
    """Numbers printed at its end."""


@dataclass(frozen=True, slots=True)
class Axes:
    """What is said about a chart of lines, and what it covers."""

    title: str
    x: str
    """Name and unit of the horizontal axis."""
    y: str
    """Name and unit of the vertical axis."""
    note: str = ""
    """Below the title: what the intervals are, and n."""
    y_range: tuple[float, ...] = ()
    """Values that the vertical axis must cover besides the points."""
    whole: bool = False
    """Whether x counts whole things."""
    small: bool = False
    """Whether it is one of many alike."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in units of the drawing; text is 12 high."""
        return _SMALL if self.small else (_WIDTH, _HEIGHT)


def line_chart(lines: Sequence[Line], axes: Axes) -> Markup:
    """Lines, bands or scattered points over two linear axes."""
    shown = [p for line in lines for p in line.points if math.isfinite(p.mark.value)]
    ends = [end for p in shown for end in (p.mark.value, p.mark.low, p.mark.high)]
    width, height = axes.size
    most = 3 if axes.small else 5
    xs = Scale.over([p.x for p in shown], _LEFT, width - _RIGHT, whole=axes.whole, most=most)
    ys = Scale.over([*ends, *axes.y_range], height - _BOTTOM, _TOP, most=most)
    drawn = [_axes(xs, ys, axes), *(_draw(line, xs, ys) for line in lines)]
    svg = _svg(drawn, axes.size, axes.title, [p.mark.note for p in shown])
    return figure(axes.title, axes.note, _legend(lines), svg)


def interval_chart(
    rows: Sequence[Row], title: str, x_label: str, *, note: str = "", at: float | None = None
) -> Markup:
    """A row of marks with horizontal intervals for each name.

    Args:
        rows: from top to bottom.
        title: of the chart.
        x_label: name and unit of the axis.
        note: what the intervals are.
        at: where a vertical line is drawn for comparison.
    """
    height = _TOP + _ROW * len(rows) + _BOTTOM
    bottom = height - _BOTTOM
    marks = [m for row in rows for m in row.marks if math.isfinite(m.value)]
    ends = [end for m in marks for end in (m.value, m.low, m.high)]
    start = 16 + _LETTER * min(_LONGEST, max((len(row.name) for row in rows), default=0))
    stop = _WIDTH - 16 - _LETTER * max((len(row.text) for row in rows), default=0)
    xs = Scale.over(ends if at is None else [*ends, at], start, stop, most=3)
    drawn = _ticks_below(xs, _TOP - 8, bottom)
    drawn.append(_axis_name((start + stop) / 2, height - 6, x_label))
    if at is not None:
        drawn.append(_segment((xs(at), _TOP - 8), (xs(at), bottom), "zero"))
    for number, row in enumerate(rows):
        drawn.append(_draw_row(row, xs, _TOP + _ROW * number + 6))
    svg = _svg(drawn, (_WIDTH, height), title, [m.note for m in marks])
    return figure(title, note, svg)


def figure(title: str, note: str, *parts: str) -> Markup:
    """A chart or table with its title and what must be known to read it."""
    about = [element("strong", title), *([element("span", note)] if note else [])]
    return element("figure", element("figcaption", *about), *parts)


def _legend(lines: Sequence[Line]) -> Markup:
    named = [line for line in lines if line.name]
    if len(lines) < 2 or not named:
        return Markup()
    keys = (element("li", element("i", class_=line.style), line.name) for line in named)
    return element("ul", *keys, class_="legend")


def read_aloud(title: str, notes: Sequence[str]) -> str:
    """The label of a chart for screen readers: its title and its marks, if not too many."""
    more = f"; and {len(notes) - _READ_ALOUD} more" if len(notes) > _READ_ALOUD else ""
    return f"{title}. {'; '.join(notes[:_READ_ALOUD])}{more}"


def _svg(
    parts: Sequence[str], size: tuple[float, float], title: str, notes: Sequence[str]
) -> Markup:
    box = f"0 0 {size[0]:g} {size[1]:g}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=read_aloud(title, notes))


def _axes(xs: Scale, ys: Scale, axes: Axes) -> Markup:
    width, height = axes.size
    parts = _ticks_below(xs, _TOP, height - _BOTTOM)
    for tick in ys.ticks:
        parts.append(_segment((_LEFT, ys(tick)), (width - _RIGHT, ys(tick)), "rule"))
        parts.append(_text((_LEFT - 6, ys(tick) + 4), compact(tick), anchor="end"))
    parts.append(_axis_name((_LEFT + width - _RIGHT) / 2, height - 6, axes.x))
    parts.append(_text((4, 12), axes.y, style="axis"))
    return joined(parts)


def _ticks_below(xs: Scale, top: float, bottom: float) -> list[Markup]:
    parts = []
    for tick in xs.ticks:
        parts.append(_segment((xs(tick), top), (xs(tick), bottom), "rule"))
        parts.append(_text((xs(tick), bottom + 15), compact(tick), anchor="middle"))
    return parts


def _axis_name(x: float, y: float, name: str) -> Markup:
    return _text((x, y), name, anchor="middle", style="axis")


def _text(
    place: tuple[float, float], *parts: str, anchor: str = "start", style: str = "tick"
) -> Markup:
    return element("text", *parts, class_=style, x=place[0], y=place[1], text_anchor=anchor)


def _segment(start: tuple[float, float], stop: tuple[float, float], style: str) -> Markup:
    return element("path", class_=style, d=path([start, stop]))


def _draw(line: Line, xs: Scale, ys: Scale) -> Markup:
    points = [p for p in line.points if math.isfinite(p.mark.value)]
    parts = []
    known = [p for p in points if math.isfinite(p.mark.low)]
    if line.band and known:
        upper = [(xs(p.x), ys(p.mark.high)) for p in known]
        lower = [(xs(p.x), ys(p.mark.low)) for p in reversed(known)]
        parts.append(element("path", class_="band", d=path([*upper, *lower], closed=True)))
    if line.joined and points:
        places = [(xs(p.x), ys(p.mark.value)) for p in points]
        parts.append(element("path", class_="line", d=path(places)))
    for p in points:
        x, y = xs(p.x), ys(p.mark.value)
        if not line.band and math.isfinite(p.mark.low):
            parts.append(_segment((x, ys(p.mark.low)), (x, ys(p.mark.high)), "whisker"))
        dot = {"cx": x, "cy": y, "r": 6 if line.band else 3.2}
        style = "hidden" if line.band else "dot"
        parts.append(element("circle", element("title", p.mark.note), class_=style, **dot))
    return element("g", *parts, class_=line.style)


def _draw_row(row: Row, xs: Scale, y: float) -> Markup:
    name = row.name if len(row.name) <= _LONGEST else row.name[: _LONGEST - 1] + "…"
    title = element("title", row.name)
    parts = [_text((xs.start - 8, y + 4), name, title, anchor="end")]
    for number, mark in enumerate(row.marks):
        if not math.isfinite(mark.value):
            continue
        height = y + 6 * (number - (len(row.marks) - 1) / 2)
        drawn = []
        if math.isfinite(mark.low):
            drawn.append(_segment((xs(mark.low), height), (xs(mark.high), height), "whisker"))
        dot = {"cx": xs(mark.value), "cy": height, "r": 3}
        drawn.append(element("circle", element("title", mark.note), class_="dot", **dot))
        parts.append(element("g", *drawn, class_=mark.style))
    return joined([*parts, _text((_WIDTH - 4, y + 4), row.text, anchor="end")])
