"""Draw the figure of a speed benchmark: shares of the hardware's limits, and other stacks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speed.cases import OWN, PACE, SHARE, Goal
from teachgym.report.charts import Mark, Row, draw_rows, new_figure

_KEY = (
    "blue: teachgym; grey: others, with quartiles of rounds; rings are goals, brown: at least, "
    "ochre: aim"
)
_TIMES = "times as long; what is right of 1 is slower"


def draw(record: Mapping[str, Any], path: Path) -> None:
    """Write a PNG with a panel for each kind of number that was measured.

    Args:
        record: what ``report.to_json`` has made, now or when it was recorded.
        path: of the PNG.
    """
    facts, panels = record["facts"], [panel for panel in _panels(record["cases"]) if panel[-1]]
    if not panels:
        return
    heights = [len(rows) + 2.5 for *_, rows in panels]
    figure: Any = new_figure(1000, 24 * sum(heights) + 60, dpi=130)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (title, label, rows) in zip(axes, panels, strict=True):
        draw_rows(axis, rows, label, at=1 if label == _TIMES else None)
        axis.set_yticks(range(len(rows)), [row.name for row in rows])
        axis.set_xlim(left=0)
        axis.set_title(title, fontsize=10, loc="left")
    what = f"Fine-tuning and questioning a student on {facts['hardware']}, {facts['date']}"
    figure.suptitle(f"{what}\n{_KEY}", fontsize=10)
    figure.savefig(path)


def _panels(cases: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[Row]]]:
    """Return title, axis label and rows of each panel."""
    shares: list[Row] = []
    paces: list[Row] = []
    ratios: list[Row] = []
    for found in cases:
        case = found["case"]
        goals = {g["of"]: Goal(g["of"], g["least"], g["aim"]) for g in found["goals"]}
        trained, _, asked = case["title"].partition(", then ")
        share, pace = found.get("share"), found.get("pace")
        shares += _row(f"{case['shape']}: {trained}", share, goals.get(SHARE), scale=100)
        paces += _row(f"{case['shape']}: {asked or trained}", pace, goals.get(PACE))
        if OWN not in case["systems"]:
            continue  # Its ratios are to something else.
        for system in found["systems"]:
            if system["name"] != OWN and (ratio := system["ratio"]):
                name = f"{case['name']}, {case['shape']}: {system['name']}"
                ends = (ratio["low"], ratio["high"])
                ratios += _row(name, ratio["median"], goals.get(system["name"]), ends=ends)
    return [
        (
            "Training, by parameters of the student: how much of the hardware's arithmetic is used",
            "% of the rate of a large matrix product, measured in the same run",
            shares,
        ),
        (
            "Answering, by parameters of the student: tokens written a second",
            "new tokens a second, all answers together",
            paces,
        ),
        (
            f"The same work by other means: how many times as long as by {OWN}",
            _TIMES,
            ratios,
        ),
    ]


def _row(
    name: str,
    value: float | None,
    goal: Goal | None,
    *,
    ends: tuple[float, float] | None = None,
    scale: float = 1,
) -> list[Row]:
    """Return the row of a number with its goal, or none for one that was not measured.

    Args:
        name: of the row.
        value: the number; None = not measured.
        goal: its goal, None = none.
        ends: its quartiles; None for a number of this project's own.
        scale: what number and goal are multiplied by.
    """
    if value is None:
        return []
    style, shown = ("quiet", f"{value:.2f}") if ends else ("c0", _short(scale * value))
    low, high = ends or (math.nan, math.nan)
    wanted = ((goal.least, "c1 hollow"), (goal.aim, "c5 hollow")) if goal else ()
    aims = (
        Mark(scale * end, math.nan, math.nan, name, kind) for end, kind in wanted if end is not None
    )
    return [Row(name, [Mark(scale * value, low, high, name, style), *aims], shown)]


def _short(value: float) -> str:
    """Format a number with three digits, or as a whole one."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
