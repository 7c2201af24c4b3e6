"""Figures of a bench for papers: standings with intervals, performance profiles, radars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from teachgym.benchmarks.analysis import Interval
from teachgym.benchmarks.bench_charts import thresholds
from teachgym.benchmarks.bench_material import BenchMaterial, name_condition
from teachgym.benchmarks.captions import intervals
from teachgym.benchmarks.leaderboard import Standing
from teachgym.benchmarks.stress_material import Coping, read_coping
from teachgym.benchmarks.uncertainty import profile
from teachgym.report.html import BLUE, GREY, paper_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4
"""Profiles in the figure, besides the references."""
_COLUMNS = 3
"""Radars beside each other."""
_UNKNOWN = Interval(math.nan, math.nan, math.nan)


def bench_figures(bench: BenchMaterial) -> dict[str, Figure]:
    """Figures by the names of their files; the bench must have results.

    Those of standings and profiles are of the first condition with results.
    """
    condition = next(c for c, lines in bench.panels.items() if any(line.finished for line in lines))
    lines = [line for line in bench.panels[condition] if line.finished]
    figures = {"leaderboard": _leaderboard(bench, lines), "profiles": _profiles(bench, lines)}
    if len(bench.panels) > 1 and (table := read_coping(bench)):
        figures["stress"] = _radars(bench, table)
    return figures


def _leaderboard(bench: BenchMaterial, lines: Sequence[Standing]) -> Figure:
    figure, axes = paper_figure(bench.suite.description, height=1.1 + 0.2 * len(lines))
    for y, line in enumerate(lines):
        assert line.middle is not None
        middle, color = line.middle, GREY if line.control else BLUE
        axes.plot([middle.low, middle.high], [y, y], color=color)
        axes.plot(middle.value, y, "o", ms=4, color=color, mfc="white" if line.control else color)
    axes.set_yticks(range(len(lines)), [f"{line.arm} (n={line.finished})" for line in lines])
    axes.invert_yaxis()
    hollow = "; hollow: controls" * any(line.control for line in lines)
    axes.set_xlabel(
        "interquartile mean of test accuracy\n"
        f"({intervals(line.finished for line in lines)}{hollow})"
    )
    return figure


def _profiles(bench: BenchMaterial, lines: Sequence[Standing]) -> Figure:
    figure, axes = paper_figure(bench.suite.description, height=3.4)
    fair = [line for line in lines if not line.control and line.arm != line.reference][:_SHOWN]
    references = [arm for arm in {line.reference for line in fair} if arm in bench.runs]
    arms = list(dict.fromkeys([*(line.arm for line in fair), *sorted(references)]))
    arms = arms or [line.arm for line in lines]
    levels = thresholds(bench, arms)
    for arm in arms:
        scores = bench.scores[arm]
        shares = profile(scores, levels, np.random.default_rng(0))
        label = f"{arm} (n={len(scores)})"
        (drawn,) = axes.plot(levels, [share.value for share in shares], label=label)
        if arm in references:
            drawn.set_linestyle("--")
            if len(references) == 1:
                drawn.set_color(GREY)
        lows, highs = [s.low for s in shares], [s.high for s in shares]
        axes.fill_between(levels, lows, highs, color=drawn.get_color(), alpha=0.12, linewidth=0)
    axes.set_xlabel("test accuracy")
    axes.set_ylabel(f"share of runs above\n({intervals(len(bench.scores[a]) for a in arms)})")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure


def _radars(bench: BenchMaterial, table: Mapping[str, Mapping[str, Coping]]) -> Figure:
    from matplotlib.figure import Figure

    conditions = list(bench.panels)
    angles = np.linspace(0, 2 * np.pi, len(conditions), endpoint=False)
    rows = -(-len(table) // _COLUMNS)
    figure = Figure(figsize=(2.7 * _COLUMNS, 0.4 + 1.9 * rows), layout="constrained")
    found = intervals(map(len, bench.runs.values()))
    figure.suptitle(f"chance to beat the reference under the same stress ({found})", fontsize=8)
    for number, (teacher, own) in enumerate(table.items()):
        turned = {"projection": "polar", "theta_offset": np.pi / 2, "theta_direction": -1}
        axes = figure.add_subplot(rows, _COLUMNS, number + 1, **turned)
        axes.set_title(plain(teacher), fontsize=8)
        axes.set_ylim(0, 1)
        axes.set_yticks([0.25, 0.5, 0.75], ["", "0.5", ""], fontsize=6)
        axes.set_xticks(angles, [plain(name_condition(c)) for c in conditions], fontsize=6)
        axes.tick_params(axis="x", pad=-2)
        for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
            side = math.sin(angle)
            label.set_horizontalalignment(
                "center" if abs(side) < 0.1 else "left" if side > 0 else "right"
            )
        axes.grid(alpha=0.3)
        axes.plot(np.linspace(0, 2 * np.pi, 100), np.full(100, 0.5), "--", color=GREY, lw=1)
        chances = [own[c].chance if c in own else _UNKNOWN for c in conditions]
        closed = [c.value for c in (*chances, chances[0])]
        axes.plot([*angles, angles[0]], closed, "o-", ms=2.5, lw=1.2, color=BLUE)
        for angle, chance in zip(angles, chances, strict=True):
            axes.plot([angle, angle], [chance.low, chance.high], color=BLUE, lw=0.8)
    return figure
