"""Charts, drawn once with matplotlib: the page embeds them, papers get them as files.

No display and no global state. Colours have the names of the page's style sheet (``c0`` to ``c7``,
``quiet``), so that a chart follows the page's theme; every mark has its numbers in words, which
the page shows as a tooltip and lists for screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from teachgym.report.captions import error_of
from teachgym.types import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS: Mapping[str, str] = {
    "c0": "#1d53a1",
    "c1": "#ac4d05",
    "c2": "#1e7a7b",
    "c3": "#6e194e",
    "c4": "#836ee2",
    "c5": "#9e8e32",
    "c6": "#4098ab",
    "c7": "#852f25",
    "quiet": "#7f8896",
    "ink": "#1b1f24",
    "muted": "#5a6370",
    "grid": "#e1e4e9",
}
"""Colours by their names in the style sheet, as they are in the light theme. Any two numbered ones
can be told apart without red or without green cones, too (``tests/report/test_palette.py``)."""
STYLES = tuple(name for name in COLORS if name[1:].isdigit())
"""The numbered colours."""
PIXELS = 72
"""Pixels an inch of a page: a size of 1 is a pixel there."""
_SIZE, _SMALL = (400, 250), (210, 140)
_ROW = 20
"""Height of a row of an interval chart."""
_TEXT = 11
WHISKER = "whisker"
"""Name of a drawn interval; a page has it as a class."""


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
    """Name of a colour; ``hollow`` behind it for an open dot."""


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
    """As that of a mark; ``quiet`` lines are dashed."""
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
class Frame:
    """The words about a chart of lines, and the ranges that it covers."""

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
    log: bool = False
    """Whether the horizontal axis is logarithmic, with its ticks at the points."""


@dataclass(frozen=True, slots=True)
class Tip:
    """A tooltip: words at a place of a drawing."""

    axes: Axes
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing and what is said about it."""

    figure: Figure
    title: str
    note: str
    """The kind of the intervals, and n."""
    tips: Sequence[Tip]
    """Every mark that was drawn, in words."""


def line_chart(lines: Sequence[Line], frame: Frame) -> Chart:
    """A chart of lines, bands or scattered points over two linear axes."""
    named = [n for n, line in enumerate(lines) if line.name and line.points and len(lines) > 1]
    width, height = _SMALL if frame.small else _SIZE
    below = 38 + 16 * math.ceil(len(named) / 2)
    height += below - 38
    # Known margins: laying out each of many small charts would take most of the time of a page.
    figure = new_figure(width, height, layout=None)
    axes = figure.subplots()
    figure.subplots_adjust(46 / width, below / height, 1 - 14 / width, 1 - 24 / height)
    tips = draw_lines(axes, lines, frame)
    if named:
        style: dict[str, Any] = {
            "labelcolor": COLORS["ink"],
            "fontsize": _TEXT - 1,
            "frameon": False,
        }
        labels = [plain(lines[n].name, 28) for n in named]
        # Handed over: what a chart finds by itself leaves out names that begin with "_".
        style |= {"handles": [axes.lines[n] for n in named], "labels": labels}
        figure.legend(loc="lower center", ncols=2, borderaxespad=0, **style)
    return Chart(figure, frame.title, frame.note, tips)


def interval_chart(
    rows: Sequence[Row], title: str, x: str, *, note: str = "", at: float | None = None
) -> Chart:
    """A chart with a row of marks with horizontal intervals for each name.

    Args:
        rows: from top to bottom.
        title: of the chart.
        x: name and unit of the axis.
        note: what the intervals are.
        at: where a vertical line is drawn for comparison.
    """
    figure = new_figure(_SIZE[0], 64 + _ROW * len(rows))
    return Chart(figure, title, note, draw_rows(figure.subplots(), rows, x, at=at))


def radar_chart(
    profiles: Mapping[str, Mapping[str, Mark]], title: str, *, note: str = "", at: float
) -> Chart:
    """A chart of profiles over named axes, 0 in the middle to 1 at the rim, up to three a line.

    Args:
        profiles: by name, marks by name of their axis, clockwise from the top; in [0, 1]. A single
            profile has no name of its own above it.
        title: of the chart.
        note: what the radius is.
        at: radius of the dashed ring for comparison, in [0, 1].
    """
    columns = min(3, len(profiles))
    lines = math.ceil(len(profiles) / columns)
    figure = new_figure(_SIZE[0] if columns == 1 else 240 * columns, 240 * lines)
    tips: list[Tip] = []
    for number, (name, marks) in enumerate(profiles.items(), 1):
        turned = {"projection": "polar", "theta_offset": np.pi / 2, "theta_direction": -1}
        axes = figure.add_subplot(lines, columns, number, **turned)
        if len(profiles) > 1:
            axes.set_title(plain(name), fontsize=_TEXT, color=COLORS["ink"])
        tips += _draw_radar(axes, marks, at)
    return Chart(figure, title, note, tips)


def new_figure(
    width: float,
    height: float,
    *,
    dpi: float = PIXELS,
    layout: Literal["constrained"] | None = "constrained",
) -> Figure:
    """An empty figure; sizes in pixels of a page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / PIXELS, height / PIXELS), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def draw_lines(axes: Axes, lines: Sequence[Line], frame: Frame) -> list[Tip]:
    """Draw lines with their intervals, and what the axes are."""
    from matplotlib.ticker import MaxNLocator

    tips = []
    for line in lines:
        points = [p for p in line.points if math.isfinite(p.mark.value)]
        known = [p for p in points if math.isfinite(p.mark.low)]
        ends = [p.x for p in known], [p.mark.low for p in known], [p.mark.high for p in known]
        color = _color(line.style)
        if line.band:
            axes.fill_between(*ends, color=color, alpha=0.18, linewidth=0)
        elif known:
            axes.vlines(*ends, **_whisker(line.style))
        dashed = "--" if line.style == "quiet" else "-"
        axes.plot(
            [p.x for p in points],
            [p.mark.value for p in points],
            linestyle=dashed if line.joined else "none",
            marker="" if line.band else "o",
            label=plain(line.name),
            **_dots(line.style),
        )
        tips += [Tip(axes, p.x, p.mark.value, p.mark.note) for p in points]
    corners = [(tip.x, y) for tip in tips[:1] for y in frame.y_range] if tips else [(0, 0), (1, 1)]
    axes.update_datalim(corners)
    axes.autoscale_view()
    _name_axes(axes, frame.x, 3 if frame.small else 5, whole=frame.whole)
    if frame.log:
        axes.set_xscale("log")
        axes.set_xticks(sorted({tip.x for tip in tips}))
        axes.xaxis.set_major_formatter(_tick)
        axes.minorticks_off()
    steps = [1, 2, 5, 10]
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3 if frame.small else 5, steps=steps))
    axes.yaxis.set_major_formatter(_tick)
    axes.set_title(plain(frame.y), loc="left", fontsize=_TEXT, color=COLORS["ink"])
    return tips


def draw_rows(axes: Axes, rows: Sequence[Row], x: str, *, at: float | None = None) -> list[Tip]:
    """Draw marks with horizontal intervals, names to the left and numbers to the right."""
    if at is not None:
        axes.axvline(at, color=COLORS["ink"], linestyle="--", linewidth=1)
    drawn: dict[str, list[tuple[float, Mark]]] = {}
    tips = []
    for number, row in enumerate(rows):
        for place, mark in enumerate(row.marks):
            if math.isfinite(mark.value):
                y = number + 0.3 * (place - (len(row.marks) - 1) / 2)
                drawn.setdefault(mark.style, []).append((y, mark))
                tips.append(Tip(axes, mark.value, y, mark.note))
        transform = axes.get_yaxis_transform()
        printed: dict[str, Any] = {"color": COLORS["muted"], "fontsize": _TEXT - 1, "va": "center"}
        axes.text(1.02, number, plain(row.text), transform=transform, **printed)
    for style, placed in drawn.items():  # All of a colour at once: each artist takes time to draw.
        if known := [(y, mark.low, mark.high) for y, mark in placed if math.isfinite(mark.low)]:
            axes.hlines(*zip(*known, strict=True), **_whisker(style))
        dots = zip(*((mark.value, y) for y, mark in placed), strict=True)
        axes.plot(*dots, "o", **_dots(style))
    _name_axes(axes, x, 3)
    axes.set_yticks(range(len(rows)), [plain(row.name, 20) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=COLORS["ink"])
    axes.grid(visible=False, axis="y")
    return tips


def _draw_radar(axes: Axes, marks: Mapping[str, Mark], at: float) -> list[Tip]:
    """Join marks around the middle; with one missing the line would look like another shape."""
    polar: Any = axes
    angles = np.linspace(0, 2 * np.pi, len(marks), endpoint=False)
    circle = np.linspace(0, 2 * np.pi, 100)
    axes.plot(circle, np.full(100, at), "--", color=COLORS["ink"], linewidth=1)
    if all(math.isfinite(mark.value) for mark in marks.values()):
        closed = [mark.value for mark in (*marks.values(), next(iter(marks.values())))]
        axes.plot([*angles, angles[0]], closed, color=COLORS["c0"], linewidth=1.5)
        axes.fill([*angles, angles[0]], closed, color=COLORS["c0"], alpha=0.18, linewidth=0)
    tips = []
    for angle, mark in zip(angles, marks.values(), strict=True):
        if math.isfinite(mark.low):
            axes.plot([angle] * 2, [mark.low, mark.high], **_whisker(mark.style))
        if math.isfinite(mark.value):
            axes.plot(angle, mark.value, "o", **_dots(mark.style))
            tips.append(Tip(axes, float(angle), mark.value, mark.note))
    axes.set_ylim(0, 1)
    axes.set_yticks([0.25, 0.5, 0.75], ["", "0.5", ""])
    axes.set_xticks(angles, [plain(name) for name in marks])
    axes.tick_params(labelsize=_TEXT - 1, labelcolor=COLORS["muted"], pad=-2)
    axes.grid(color=COLORS["grid"])
    polar.spines["polar"].set_color(COLORS["grid"])
    axes.patch.set_visible(False)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = math.sin(angle)
        label.set_horizontalalignment(
            "center" if abs(side) < 0.1 else "left" if side > 0 else "right"
        )
    return tips


def _name_axes(axes: Axes, x: str, most: int, *, whole: bool = False) -> None:
    """Name the axis below, give it round ticks, and draw the rest in the background."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(plain(x), fontsize=_TEXT, color=COLORS["ink"])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole))
    axes.xaxis.set_major_formatter(_tick)
    axes.tick_params(labelsize=_TEXT - 1, labelcolor=COLORS["muted"], length=0)
    axes.spines[:].set_visible(False)
    axes.grid(color=COLORS["grid"])
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)


def _color(style: str) -> str:
    return COLORS[style.split()[0]]


def _whisker(style: str) -> dict[str, Any]:
    return {"color": _color(style), "linewidth": 1.5, "gid": WHISKER}


def _dots(style: str) -> dict[str, Any]:
    color = _color(style)
    face = "white" if style.endswith("hollow") else color
    return {"color": color, "markersize": 5, "markerfacecolor": face, "clip_on": False}


def colored(names: Sequence[str]) -> list[dict[str, str]]:
    """Names with their colours, as many at a time as one chart can tell apart."""
    starts = range(0, len(names), len(STYLES))
    return [dict(zip(names[first:], STYLES, strict=False)) for first in starts]


def _tick(value: float, _: object = None) -> str:
    """A number as ticks show it.

    Example:
        >>> _tick(0.25), _tick(2500), _tick(40000), _tick(1500000)
        ('0.25', '2,500', '40k', '1.5M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{value / unit:.4g}{letter}"
    return f"{round(value, 12):,.6g}"


def plain(text: str, most: int = 72) -> str:
    r"""``text`` as matplotlib prints it letter by letter, ``most`` of them: no formulas.

    Longer ones are cut in the middle: names of arms and runs often differ in their ends alone.

    Example:
        >>> plain("price in $"), plain("addition", 4)
        ('price in \\$', 'ad…n')
    """
    short = text if len(text) <= most else f"{text[: most // 2]}…{text[most // 2 - most + 1 :]}"
    return "".join(c if c.isprintable() else "?" for c in short).replace("$", r"\$")


# -- measured numbers as marks -----------------------------------------------------------------


def score_mark(name: str, score: Score, style: str = "c0") -> Mark:
    """A score with ± its standard error, within [0, 1]; one item has none."""
    error = error_of(score)
    ends = (score.mean - error, score.mean + error)
    low, high = (end if math.isnan(end) else min(1.0, max(0.0, end)) for end in ends)
    return Mark(score.mean, low, high, f"{name}: {score}", style)


def estimate_mark(name: str, value: Score) -> Mark:
    """A mean over repetitions with ± its standard error; without interval for n = 1."""
    note = f"{name}: {value}"
    return Mark(value.mean, value.mean - value.stderr, value.mean + value.stderr, note)
