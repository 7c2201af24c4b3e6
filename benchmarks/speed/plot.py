"""Draw the figure of a speed benchmark: shares of the hardware's limits, and other stacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speed.cases import OWN, PACE, SHARE, Goal
from teachgym.benchmarks.speed.report import CaseResult
from teachgym.report.charts import COLORS

_OWN, _OTHER, _LEAST, _AIM = (COLORS[name] for name in ("c0", "quiet", "c1", "c5"))

Bar = tuple[str, float, bool, Goal | None]
"""Label, length, whether it belongs to this project, and its goal."""


def draw(facts: Any, results: Sequence[CaseResult], path: Path) -> None:
    """Write a PNG with a panel for each kind of number that was measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        (title, axis, bars)
        for title, axis, bars in _panels(results)
        if not all(math.isnan(length) for _, length, *_ in bars)
    ]
    if not panels:
        return
    heights = [len(bars) + 1.2 for *_, bars in panels]
    figure: Any = Figure(figsize=(10, 0.32 * sum(heights) + 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (title, label, bars) in zip(axes, panels, strict=True):
        _draw_panel(axis, title, label, bars)
    figure.suptitle(
        f"Fine-tuning and questioning a student on {facts['hardware']}, {facts['date']}",
        fontsize=11,
    )
    has_goals = any(result.case.goals for result in results)
    figure.legend(
        handles=_legend()[: None if has_goals else 2],
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path, dpi=130)


def _panels(results: Sequence[CaseResult]) -> list[tuple[str, str, list[Bar]]]:
    """Return title, axis label and bars of each panel."""
    shares: list[Bar] = []
    paces: list[Bar] = []
    ratios: list[Bar] = []
    for result in results:
        case = result.case
        goals = {goal.of: goal for goal in case.goals}
        (own,) = (runs for runs in result.runs if runs.name == OWN)
        trained, _, asked = case.title.partition(", then ")
        if not own.trouble and case.training and own.rounds:
            goal = _percent(goals.get(SHARE))
            shares.append((f"{case.shape}: {trained}", 100 * result.share(own), True, goal))
        if not own.trouble and case.asking and own.rounds:
            label = f"{case.shape}: {asked or trained}"
            paces.append((label, result.pace(own), True, goals.get(PACE)))
        for runs in result.runs:
            ratio = None if runs.name == OWN else result.ratio(runs.name)
            if ratio:
                name = f"{case.name}, {case.shape}: {runs.name}"
                ratios.append((name, ratio.median, False, goals.get(runs.name)))
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


def _percent(goal: Goal | None) -> Goal | None:
    """Convert a goal for a share into one for a percentage."""
    if goal is None:
        return None
    return Goal(goal.of, 100 * goal.least, None if goal.aim is None else 100 * goal.aim)


def _draw_panel(axis: Any, title: str, label: str, bars: Sequence[Bar]) -> None:
    ends = [x for _, n, _, goal in bars for x in (n, *_marks(goal).values())]
    top = max(x for x in ends if not math.isnan(x))
    for row, (_, length, is_own, goal) in enumerate(bars):
        axis.barh(row, length, color=_OWN if is_own else _OTHER, height=0.7)
        axis.text(length + top * 0.01, row, _short(length), va="center", fontsize=8)
        for color, x in _marks(goal).items():
            axis.plot((x, x), (row - 0.45, row + 0.45), color=color, linewidth=2)
    axis.set_yticks(range(len(bars)), [name for name, *_ in bars], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, top * 1.12)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title(title, fontsize=9, loc="left")
    axis.set_xlabel(label, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    """Format a number with three digits, or with all digits before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _marks(goal: Goal | None) -> dict[str, float]:
    """Return the positions of a goal's lines by their colours."""
    if goal is None:
        return {}
    return {_LEAST: goal.least} | ({} if goal.aim is None else {_AIM: goal.aim})


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(color=_OWN, label="teachgym (this project)"),
        Patch(color=_OTHER, label="another stack, or another way to use this one"),
        Line2D([], [], color=_LEAST, linewidth=2, label="goal: at least"),
        Line2D([], [], color=_AIM, linewidth=2, label="goal: aim"),
    ]
