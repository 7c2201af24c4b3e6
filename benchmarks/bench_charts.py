"""Charts of a bench: standings, profiles, learning curves, score against cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from teachgym.benchmarks.bench_material import BenchMaterial
from teachgym.benchmarks.leaderboard import Standing
from teachgym.benchmarks.statistics import Interval
from teachgym.benchmarks.uncertainty import mean_curve, pareto_front, profile
from teachgym.metrics import Estimate, estimate
from teachgym.report.html import (
    Axes,
    Line,
    Mark,
    Point,
    Row,
    estimate_mark,
    interval_chart,
    line_chart,
)
from teachgym.types import CURRENCIES

_TOGETHER = 5
"""Arms in a chart of profiles, besides the reference."""


def standing_chart(bench: BenchMaterial) -> Markup:
    """Interquartile means with their bootstrap intervals, best mean first."""
    middles = {line.arm: middle_of(line) for line in bench.standings if line.middle}
    rows = []
    for line in bench.standings:
        if line.arm in middles:
            middle = middles[line.arm]
            text = f"{middle.value:.3f}, n={line.finished}"
            note = f"{line.arm}: {middle}, n = {line.finished} runs"
            style = "c1 hollow" if line.control else "c0"
            mark = Mark(middle.value, middle.low, middle.high, note, style)
            rows.append(Row(line.arm, [mark], text))
    reference = middles.get(bench.suite.reference)
    return interval_chart(
        rows,
        "Interquartile mean of test accuracy",
        "test accuracy",
        note=f"95 % bootstrap intervals over seeds, from 2 runs on; hollow: controls; dashed: "
        f"{bench.suite.reference}",
        at=reference.value if reference else None,
    )


def middle_of(line: Standing) -> Interval:
    """The interquartile mean of an arm with results; its interval is unknown for a single run."""
    assert line.middle is not None
    if line.finished > 1:
        return line.middle
    return Interval(line.middle.value, math.nan, math.nan)


def profile_charts(bench: BenchMaterial) -> list[Markup]:
    """Performance profiles of all arms, a few to a chart, each chart with the reference."""
    reference = bench.suite.reference
    others = [arm for arm in bench.runs if arm != reference]
    groups = [others[first : first + _TOGETHER] for first in range(0, len(others), _TOGETHER)]
    return [_profile_chart(bench, group) for group in groups]


def thresholds(bench: BenchMaterial) -> list[float]:
    """Test accuracies at which profiles are evaluated, from below the lowest to the highest."""
    scores = np.concatenate(list(bench.scores.values()))
    margin = 0.02 * (float(np.ptp(scores)) or 1.0)
    return [float(t) for t in np.linspace(scores.min() - margin, scores.max() + margin, 61)]


def _profile_chart(bench: BenchMaterial, arms: Sequence[str]) -> Markup:
    styles = {arm: f"c{number}" for number, arm in enumerate(arms)}
    if bench.suite.reference in bench.runs:
        styles[bench.suite.reference] = "quiet"
    axes = Axes(
        f"Performance profiles: {arms[0]} to {arms[-1]}",
        "test accuracy",
        "share of runs above",
        f"bands: 95 % bootstrap, from 2 runs on; dashed: {bench.suite.reference}",
        y_range=(0, 1),
    )
    return line_chart([_profile_line(bench, arm, style) for arm, style in styles.items()], axes)


def _profile_line(bench: BenchMaterial, arm: str, style: str) -> Line:
    levels, scores = thresholds(bench), bench.scores[arm]
    shares = profile(scores, levels, np.random.default_rng(0))
    points = []
    for level, share in zip(levels, shares, strict=True):
        note = f"{arm}: share above {level:.3f} is {share}"
        points.append(Point(level, Mark(share.value, share.low, share.high, note)))
    return Line(f"{arm} (n={len(scores)})", points, style, band=True)


def curve_charts(bench: BenchMaterial) -> list[Markup]:
    """The mean learning curve of every arm beside that of the reference, on one scale."""
    curves = {
        arm: mean_curve([[point.mean for point in run.curve] for run in runs])
        for arm, runs in bench.runs.items()
    }
    ends = [end for curve in curves.values() for e in curve for end in _ends(e)]
    scale = (min(ends), max(ends))
    reference = curves.get(bench.suite.reference, ())
    charts = []
    for arm, curve in curves.items():
        lines = [_curve_line(bench.suite.reference, reference, "quiet"), _curve_line(arm, curve)]
        note = f"n = {curve[0].n} run{'s' * (curve[0].n > 1)}"
        axes = Axes(arm, "step", "val", note, y_range=scale, whole=True, small=True)
        charts.append(line_chart(lines, axes))
    return charts


def _curve_line(arm: str, curve: Sequence[Estimate], style: str = "c0") -> Line:
    points = [Point(step, estimate_mark(f"{arm}, step {step}", e)) for step, e in enumerate(curve)]
    return Line("", points, style, band=True)


def _ends(value: Estimate) -> tuple[float, float]:
    error = 0.0 if math.isnan(value.stderr) else value.stderr
    return value.mean - error, value.mean + error


def cost_charts(bench: BenchMaterial) -> list[Markup]:
    """Test accuracy against mean spending, in each currency in which arms differ."""
    charts = []
    for currency in CURRENCIES:
        spent = {
            arm: estimate([getattr(run.spent, currency) for run in runs])
            for arm, runs in bench.runs.items()
        }
        if len({amount.mean for amount in spent.values()}) > 1:
            charts.append(_cost_chart(bench, currency.replace("_", " "), spent))
    return charts


def _cost_chart(bench: BenchMaterial, currency: str, spent: Mapping[str, Estimate]) -> Markup:
    tests = {arm: estimate(scores) for arm, scores in bench.scores.items()}
    fair = [arm for arm in tests if arm not in bench.controls]
    chosen = pareto_front([(spent[arm].mean, tests[arm].mean) for arm in fair])
    front = [fair[number] for number in chosen]
    groups = {
        "beaten": ([arm for arm in fair if arm not in front], "quiet"),
        "controls": ([arm for arm in tests if arm in bench.controls], "c1 hollow"),
        "not beaten": (front, "c0"),
    }
    lines = []
    for name, (arms, style) in groups.items():
        points = [_cost_point(arm, currency, spent[arm], tests[arm]) for arm in arms]
        lines.append(Line(name, points, style, joined=arms is front))
    note = f"± standard error over seeds; not beaten, cheapest first: {', '.join(front) or 'none'}"
    axes = Axes(f"Test accuracy for {currency}", currency, "test accuracy", note)
    return line_chart(lines, axes)


def _cost_point(arm: str, currency: str, spent: Estimate, test: Estimate) -> Point:
    name = f"{arm}, {spent.mean:,.10g} ± {spent.stderr:,.3g} {currency}"
    return Point(spent.mean, estimate_mark(name, test))
