"""Figures of a bench for papers: the standings with intervals, and performance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from teachgym.benchmarks.bench_charts import middle_of, thresholds
from teachgym.benchmarks.bench_material import BenchMaterial
from teachgym.benchmarks.uncertainty import profile
from teachgym.report.html import BLUE, GREY, paper_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4
"""Profiles in the figure, besides the reference."""


def bench_figures(bench: BenchMaterial) -> dict[str, Figure]:
    """Figures by the names of their files; the bench must have results."""
    return {"leaderboard": _leaderboard(bench), "profiles": _profiles(bench)}


def _leaderboard(bench: BenchMaterial) -> Figure:
    lines = [line for line in bench.standings if line.middle]
    figure, axes = paper_figure(bench.suite.description, height=1.1 + 0.2 * len(lines))
    for y, line in enumerate(lines):
        middle, color = middle_of(line), GREY if line.control else BLUE
        axes.plot([middle.low, middle.high], [y, y], color=color)
        axes.plot(middle.value, y, "o", ms=4, color=color, mfc="white" if line.control else color)
    axes.set_yticks(range(len(lines)), [f"{line.arm} (n={line.finished})" for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("interquartile mean of test accuracy\n(95 % bootstrap; hollow: controls)")
    return figure


def _profiles(bench: BenchMaterial) -> Figure:
    figure, axes = paper_figure(bench.suite.description, height=3.4)
    levels, reference = thresholds(bench), bench.suite.reference
    fair = [arm for arm in bench.runs if arm not in bench.controls and arm != reference]
    for arm in (*fair[:_SHOWN], *([reference] if reference in bench.runs else [])):
        scores = bench.scores[arm]
        shares = profile(scores, levels, np.random.default_rng(0))
        label = f"{arm} (n={len(scores)})"
        (line,) = axes.plot(levels, [share.value for share in shares], label=label)
        if arm == reference:
            line.set(color=GREY, linestyle="--")
        lows, highs = [s.low for s in shares], [s.high for s in shares]
        axes.fill_between(levels, lows, highs, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set_xlabel("test accuracy")
    axes.set_ylabel("share of runs above\n(95 % bootstrap)")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure
