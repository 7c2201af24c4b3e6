"""Charts of a bench: standings, profiles, learning curves; each arm beside its own reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow
from teachgym.benchmarks.bench.statistics import FEWEST, mean_curve, profile
from teachgym.benchmarks.pages.captions import INTERVALS, intervals
from teachgym.benchmarks.pages.material import BenchMaterial, name_condition
from teachgym.benchmarks.pages.stress import teacher_of
from teachgym.report.charts import (
    Chart,
    Frame,
    Line,
    Mark,
    Point,
    Row,
    estimate_mark,
    interval_chart,
    line_chart,
)
from teachgym.types import Score

_TOGETHER = 5
"""Arms in a chart of profiles or curves, besides the reference."""
_MOST_BANDS = 3
"""Profiles with bands in a chart; more bands would hide each other."""


def titled(title: str, bench: BenchMaterial, condition: str) -> str:
    """A title that names the condition where a bench has several."""
    return f"{title}: {name_condition(condition)}" if len(bench.panels) > 1 else title


def standing_chart(bench: BenchMaterial, condition: str) -> Chart:
    """Interquartile means of a condition's arms with bootstrap intervals, best mean first."""
    lines = bench.panels[condition]
    rows = []
    for line in lines:
        if line.middle is None:
            continue
        middle = line.middle
        text = f"{middle.value:.3f}, n={line.finished}"
        note = f"{line.arm}: {middle}, n = {line.finished} runs"
        style = "c1 hollow" if line.control else "c0"
        rows.append(Row(line.arm, [Mark(middle.value, middle.low, middle.high, note, style)], text))
    shared = _shared_reference(lines)
    return interval_chart(
        rows,
        titled("Interquartile mean of test accuracy", bench, condition),
        "test accuracy",
        note=intervals(line.finished for line in lines)
        + "; hollow: controls" * any(line.control and line.finished for line in lines)
        + (f"; dashed: {shared.arm}" if shared else ""),
        at=shared.middle.value if shared and shared.middle else None,
    )


def _shared_reference(lines: Sequence[LeaderboardRow]) -> LeaderboardRow | None:
    """The arm that all others are compared with, if there is one such."""
    names = {line.reference for line in lines if line.reference != line.arm}
    return next((line for line in lines if {line.arm} == names), None)


def groups(bench: BenchMaterial, condition: str) -> Iterator[tuple[str, list[str]]]:
    """A condition's arms with results by what they are compared with, a few at a time.

    Best groups first; within one in the order of the suite, so that teachers who appear in every
    condition have the same colours in all.
    """
    order = [arm.name for arm in bench.suite.arms]
    others: dict[str, list[str]] = {}
    for line in bench.panels[condition]:
        if line.finished and line.arm != line.reference:
            others.setdefault(line.reference, []).append(line.arm)
    for reference, arms in others.items():
        for first in range(0, len(arms), _TOGETHER):
            yield reference, sorted(arms[first : first + _TOGETHER], key=order.index)


def profile_charts(bench: BenchMaterial, condition: str) -> list[Chart]:
    """Performance profiles of a condition's arms, a few to a chart, with their reference.

    Only of arms with ``FEWEST`` runs: the profile of two runs is three levels.
    """
    title = titled("Performance profiles", bench, condition)
    enough = {arm for arm, runs in bench.runs.items() if len(runs) >= FEWEST}
    shown = [
        ([arm for arm in arms if arm in enough], reference if reference in enough else "")
        for reference, arms in groups(bench, condition)
    ]
    return [_profile_chart(bench, arms, reference, title) for arms, reference in shown if arms]


def thresholds(bench: BenchMaterial, arms: Sequence[str]) -> list[float]:
    """Test accuracies at which profiles are evaluated, from below the lowest to the highest."""
    scores = np.concatenate([bench.scores[arm] for arm in arms])
    margin = 0.02 * (float(np.ptp(scores)) or 1.0)
    return [float(t) for t in np.linspace(scores.min() - margin, scores.max() + margin, 61)]


def _profile_chart(bench: BenchMaterial, arms: Sequence[str], reference: str, title: str) -> Chart:
    styles = _styles(bench, arms, reference)
    levels = thresholds(bench, list(styles))
    bands = len(styles) <= _MOST_BANDS
    frame = Frame(
        title,
        "test accuracy",
        "share of runs above",
        f"{'bands' if bands else 'tooltips'}: {INTERVALS}"
        + f"; dashed: {reference}" * (reference in styles),
        y_range=(0, 1),
    )
    lines = [_profile_line(bench, arm, style, levels) for arm, style in styles.items()]
    return line_chart(lines if bands else [_without_ends(line) for line in lines], frame)


def _styles(bench: BenchMaterial, arms: Sequence[str], reference: str) -> dict[str, str]:
    """Colour by arm; the reference last, if it has results."""
    styles = {arm: f"c{number}" for number, arm in enumerate(arms)}
    return styles | ({reference: "quiet"} if reference in bench.runs else {})


def _profile_line(bench: BenchMaterial, arm: str, style: str, levels: Sequence[float]) -> Line:
    scores = bench.scores[arm]
    shares = profile(scores, levels, np.random.default_rng(0))
    points = []
    for level, share in zip(levels, shares, strict=True):
        note = f"{arm}: share above {level:.3f} is {share}"
        points.append(Point(level, Mark(share.value, share.low, share.high, note)))
    return Line(f"{arm} (n={len(scores)})", points, style, band=True)


def curve_charts(bench: BenchMaterial) -> list[Chart]:
    """The mean learning curve of every arm beside that of its reference.

    On one scale, except for controls that leave it: they would flatten all others.
    """
    curves = _curves(bench, list(bench.runs))
    ends = {arm: [end for e in curve for end in _ends(e)] for arm, curve in curves.items()}
    compared = {bench.suite.compared(arm) for arm in bench.suite.arms}
    shown = [ends[arm] for arm in curves if arm in compared or arm not in bench.controls]
    scale = _span(shown or list(ends.values()))
    charts = []
    for arm, curve in curves.items():
        reference = bench.suite.compared(bench.arms[arm])
        lines = [_curve_line(arm, curve)]
        if reference != arm and reference in curves:
            lines.insert(0, _curve_line(reference, curves[reference], "quiet"))
        note = f"n = {curve[0].n} run{'s' * (curve[0].n > 1)}"
        own = _span([scale, ends[arm]])
        note += ", its own scale" * (own != scale)
        frame = Frame(arm, "step", "val", note, y_range=own, whole=True, small=True)
        charts.append(line_chart(lines, frame))
    return charts


def _span(ends: Sequence[Sequence[float]]) -> tuple[float, float]:
    return min(map(min, ends)), max(map(max, ends))


def curve_groups(bench: BenchMaterial, condition: str) -> list[Chart]:
    """Mean learning curves of a condition's arms together; errors are in the tooltips."""
    charts = []
    for reference, arms in groups(bench, condition):
        styles = _styles(bench, arms, reference)
        curves = _curves(bench, list(styles))
        lines = [
            _curve_line(arm, curve, styles[arm], name=teacher_of(bench.arms[arm]), plain=True)
            for arm, curve in curves.items()
        ]
        dashed = f"dashed: {reference}" if reference in styles else ""
        title = titled("Learning curves", bench, condition)
        frame = Frame(title, "step", "accuracy on val", dashed, whole=True)
        charts.append(line_chart(lines, frame))
    return charts


def _curves(bench: BenchMaterial, arms: Sequence[str]) -> dict[str, tuple[Score, ...]]:
    return {
        arm: mean_curve([[point.mean for point in run.curve] for run in bench.runs[arm]])
        for arm in arms
    }


def _curve_line(
    arm: str,
    curve: Sequence[Score],
    style: str = "c0",
    *,
    name: str = "",
    plain: bool = False,
) -> Line:
    marks = [estimate_mark(f"{arm}, step {step}", e) for step, e in enumerate(curve)]
    line = Line(name, [Point(step, mark) for step, mark in enumerate(marks)], style, band=True)
    return _without_ends(line) if plain else line


def _without_ends(line: Line) -> Line:
    """A line without its band; errors stay in the tooltips."""
    marks = (replace(point.mark, low=math.nan, high=math.nan) for point in line.points)
    points = [replace(p, mark=mark) for p, mark in zip(line.points, marks, strict=True)]
    return replace(line, points=points)


def _ends(value: Score) -> tuple[float, float]:
    error = 0.0 if math.isnan(value.stderr) else value.stderr
    return value.mean - error, value.mean + error
