"""Draw the figure of a speed benchmark: shares of the hardware's limits, and other stacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speed.cases import OWN, PACE, SHARE, Goal
from teachgym.benchmarks.speed.report import CaseResult
from teachgym.report.charts import Mark, Row, draw_rows, new_figure

_KEY = "blue: teachgym, grey: others; rings are goals, brown: at least, ochre: aim"


def draw(facts: Any, results: Sequence[CaseResult], path: Path) -> None:
    """Write a PNG with a panel for each kind of number that was measured."""
    panels = [panel for panel in _panels(results) if panel[-1]]
    if not panels:
        return
    heights = [len(rows) + 2.5 for *_, rows in panels]
    figure: Any = new_figure(1000, 24 * sum(heights) + 60, dpi=130)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (title, label, rows) in zip(axes, panels, strict=True):
        draw_rows(axis, rows, label)
        axis.set_yticks(range(len(rows)), [row.name for row in rows])
        axis.set_xlim(left=0)
        axis.set_title(title, fontsize=10, loc="left")
    what = f"Fine-tuning and questioning a student on {facts['hardware']}, {facts['date']}"
    figure.suptitle(f"{what}\n{_KEY}", fontsize=10)
    figure.savefig(path)


def _panels(results: Sequence[CaseResult]) -> list[tuple[str, str, list[Row]]]:
    """Return title, axis label and rows of each panel."""
    shares: list[Row] = []
    paces: list[Row] = []
    ratios: list[Row] = []
    for result in results:
        case = result.case
        goals = {goal.of: goal for goal in case.goals}
        (own,) = (runs for runs in result.runs if runs.name == OWN)
        trained, _, asked = case.title.partition(", then ")
        if not own.trouble and own.rounds:
            share, pace = 100 * result.share(own), result.pace(own)
            shares += _row(f"{case.shape}: {trained}", share, goals.get(SHARE), scale=100)
            paces += _row(f"{case.shape}: {asked or trained}", pace, goals.get(PACE))
        for runs in result.runs:
            if runs.name != OWN and (ratio := result.ratio(runs.name)):
                name = f"{case.name}, {case.shape}: {runs.name}"
                ratios += _row(name, ratio.median, goals.get(runs.name), "quiet")
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
            "times as long; what is right of 1 is slower",
            ratios,
        ),
    ]


def _row(
    name: str, value: float, goal: Goal | None, style: str = "c0", *, scale: float = 1
) -> list[Row]:
    """Return the row of a number with its goal, or none for one that was not measured."""
    if math.isnan(value):
        return []
    wanted = ((goal.least, "c1 hollow"), (goal.aim, "c5 hollow")) if goal else ()
    ends = [(value, style), *((scale * end, kind) for end, kind in wanted if end is not None)]
    marks = [Mark(end, math.nan, math.nan, name, kind) for end, kind in ends]
    return [Row(name, marks, f"{value:,.0f}" if value >= 100 else f"{value:.3g}")]
