"""Radar charts: one profile over named axes from 0 in the middle to 1 at the rim."""

from __future__ import annotations

import math
from collections.abc import Mapping

from markupsafe import Markup

from teachgym.escaping import element
from teachgym.report.html.charts import Mark, figure, read_aloud
from teachgym.report.html.svg import compact, path

_WIDTH, _HEIGHT, _RADIUS = 400, 262, 96
_CENTRE = (_WIDTH / 2, _HEIGHT / 2)
_RINGS = (0.25, 0.5, 0.75, 1.0)

Place = tuple[float, float]


def radar_chart(marks: Mapping[str, Mark], title: str, *, note: str = "", at: float) -> Markup:
    """A mark on each axis, joined around the middle, with whiskers along the axes.

    Where a mark was not measured the line is left open, for a shape with a corner missing looks
    like another shape.

    Args:
        marks: by name of their axis, clockwise from the top; values and ends in [0, 1].
        title: of the chart.
        note: what the radius is.
        at: radius of the dashed ring for comparison, in [0, 1].
    """
    angles = {name: 2 * math.pi * i / len(marks) for i, name in enumerate(marks)}
    known = {name: mark for name, mark in marks.items() if math.isfinite(mark.value)}
    parts = [_ring(radius, "rule") for radius in _RINGS]
    for name, angle in angles.items():
        parts.append(_segment(angle, (0.0, 1.0), "rule"))
        parts.append(_name(angle, name))
    parts += [_scale(radius) for radius in _RINGS[1::2]]
    parts.append(_ring(at, "zero"))
    corners = [_place(angles[name], mark.value) for name, mark in known.items()]
    if corners and len(known) == len(marks):
        shape = path(corners, closed=True)
        outline = [element("path", class_=style, d=shape) for style in ("band", "line")]
        parts.append(element("g", *outline, class_=next(iter(known.values())).style))
    parts += [_draw(angles[name], mark) for name, mark in known.items()]
    svg = element(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=read_aloud(title, [mark.note for mark in known.values()]),
    )
    return figure(title, note, svg)


def _place(angle: float, radius: float) -> Place:
    """Coordinates at an angle clockwise from the top; radius 1 is the rim."""
    x, y = _CENTRE
    return x + _RADIUS * radius * math.sin(angle), y - _RADIUS * radius * math.cos(angle)


def _ring(radius: float, style: str) -> Markup:
    x, y = _CENTRE
    return element("circle", class_=style, cx=x, cy=y, r=_RADIUS * radius)


def _segment(angle: float, ends: tuple[float, float], style: str) -> Markup:
    return element("path", class_=style, d=path([_place(angle, end) for end in ends]))


def _scale(radius: float) -> Markup:
    x, y = _place(0, radius)
    return element("text", compact(radius), class_="tick", x=x + 4, y=y + 12)


def _name(angle: float, name: str) -> Markup:
    x, y = _place(angle, 1.09)
    side = math.sin(angle)
    anchor = "middle" if abs(side) < 0.1 else "start" if side > 0 else "end"
    return element("text", name, class_="axis", x=x, y=y + 4, text_anchor=anchor)


def _draw(angle: float, mark: Mark) -> Markup:
    parts = []
    if math.isfinite(mark.low):
        parts.append(_segment(angle, (mark.low, mark.high), "whisker"))
    x, y = _place(angle, mark.value)
    title = element("title", mark.note)
    parts.append(element("circle", title, class_="dot", cx=x, cy=y, r=3.2))
    return element("g", *parts, class_=mark.style)
