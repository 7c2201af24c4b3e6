"""The section on costs: accuracy against spending, and the price of a point of accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from teachgym.benchmarks.bench.statistics import Interval, ratio
from teachgym.benchmarks.pages.captions import errors, intervals
from teachgym.benchmarks.pages.charts import titled
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.report.captions import show_amount
from teachgym.report.charts import Chart, Frame, Line, Point, estimate_mark, line_chart
from teachgym.report.html import Section, figure, grid, html_table
from teachgym.report.tables import Rows
from teachgym.types import CURRENCIES, FloatArray, Score

POINT = 0.01
"""A point of accuracy."""


def cost_section(bench: BenchMaterial) -> Section:
    """Score against cost, and the price of a point."""
    condition = next(iter(bench.panels))
    intro = (
        "Mean spending of an arm's runs and its test accuracy. A line joins the arms that no other "
        "beats at equal or lower cost; controls do not count."
    )
    note = (
        "Mean spending over the mean gain on test, for each 0.01 gained over the untrained "
        f"student ({intervals(map(len, bench.runs.values()))}). Where the interval of the gain "
        "covers 0, a point has no highest price."
    )
    table = html_table(price_rows(bench), sortable=True)
    charts = grid(cost_charts(bench, condition))
    return Section(
        "costs", "Score against cost", intro, [charts, figure("Cost per point", note, table)]
    )


def price_rows(bench: BenchMaterial) -> Rows:
    """Header and a row per arm: what a point of test accuracy cost in each currency it spent."""
    currencies = [c for c in CURRENCIES if any(getattr(r.spent, c) for r in bench.results.values())]
    rng = np.random.default_rng(0)
    rows = []
    for arm, runs in bench.runs.items():
        gains = np.array([run.test.gain.mean for run in runs])
        row = [f"{arm} (n={len(runs)})"]
        for currency in currencies:
            spent = np.array([getattr(run.spent, currency) for run in runs], dtype=np.float64)
            row.append(show_price(cost_per_point(spent, gains, rng)) if spent.all() else "")
        rows.append(tuple(row))
    return (("arm", *(f"{c.replace('_', ' ')} per point" for c in currencies)), *rows)


def cost_charts(bench: BenchMaterial, condition: str) -> list[Chart]:
    """Test accuracy against mean spending, in each currency in which a condition's arms differ."""
    arms = [line.arm for line in bench.panels[condition] if line.finished]
    charts = []
    for currency in CURRENCIES:
        spent = {
            arm: Score.of_repetitions([getattr(run.spent, currency) for run in bench.runs[arm]])
            for arm in arms
        }
        if len({amount.mean for amount in spent.values()}) > 1:
            name = currency.replace("_", " ")
            title = titled(f"Test accuracy for {name}", bench, condition)
            charts.append(_cost_chart(bench, title, name, spent))
    return charts


def _cost_chart(
    bench: BenchMaterial, title: str, currency: str, spent: Mapping[str, Score]
) -> Chart:
    tests = {arm: Score.of_repetitions(bench.scores[arm]) for arm in spent}
    fair = [arm for arm in tests if arm not in bench.controls]
    chosen = pareto_front([(spent[arm].mean, tests[arm].mean) for arm in fair])
    front = [fair[number] for number in chosen]
    parts: dict[str, tuple[Sequence[str], str]] = {
        "beaten": ([arm for arm in fair if arm not in front], "quiet"),
        "controls": ([arm for arm in tests if arm in bench.controls], "c1 hollow"),
        "not beaten": (front, "c0"),
    }
    lines = []
    for name, (arms, style) in parts.items():
        points = [_cost_point(arm, currency, spent[arm], tests[arm]) for arm in arms]
        lines.append(Line(name, points, style, joined=arms is front))
    note = f"{errors(e.n for e in tests.values())}; not beaten, cheapest first: "
    note += ", ".join(front) or "none"
    return line_chart(lines, Frame(title, currency, "test accuracy", note))


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Numbers of the points (cost, score) that no other point beats, cheapest first.

    A point is beaten by one that costs no more and scores no less, and differs in one of them.

    Example:
        >>> pareto_front([(2.0, 0.5), (1.0, 0.5), (3.0, 0.9), (4.0, 0.8)])
        (1, 2)
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        best = points[front[-1]] if front else (float("-inf"), float("-inf"))
        if points[index][1] > best[1] or points[index] == best:
            front.append(index)
    return tuple(front)


def _cost_point(arm: str, currency: str, spent: Score, test: Score) -> Point:
    error = "" if math.isnan(spent.stderr) else f" ± {spent.stderr:,.3g}"
    name = f"{arm}, {spent.mean:,.10g}{error} {currency}"
    return Point(spent.mean, estimate_mark(name, test))


def cost_per_point(spent: FloatArray, gains: FloatArray, rng: np.random.Generator) -> Interval:
    """Mean spending of runs for each point of their mean gain, with a 95 % interval over runs.

    A gain may be 0 or below, and then a point has no finite price. Points per unit spent have no
    such trouble, so these are bootstrapped (``statistics.ratio``) and their interval is turned
    round: its upper end becomes the lower end of the price, and where its lower end is not above
    0 the price has no upper end, as in Fieller 1954. inf = no price, nan = unknown (few runs).

    Args:
        spent: what each run spent in one currency, > 0, shape (n_runs,), n_runs >= 1.
        gains: test accuracy gained over the untrained student, same shape.
        rng: draws the resamples.
    """
    points = ratio(gains / POINT, spent, rng)
    return Interval(_turned(points.value), _turned(points.high), _turned(points.low))


def show_price(price: Interval) -> str:
    """A price in words.

    Example:
        >>> show_price(Interval(250.0, 200.0, 400.0)), show_price(Interval(250.0, 90.0, math.inf))
        ('250 [200, 400]', '250, at least 90')
        >>> show_price(Interval(math.inf, 900.0, math.inf))
        'no gain, at least 900'
        >>> show_price(Interval(math.inf, math.inf, math.inf))
        'no gain'
    """
    value = show_amount(price.value) if math.isfinite(price.value) else "no gain"
    if not math.isfinite(price.low):
        return value
    if not math.isfinite(price.high):
        return f"{value}, at least {show_amount(price.low)}"
    return f"{value} [{show_amount(price.low)}, {show_amount(price.high)}]"


def _turned(points: float) -> float:
    if math.isnan(points):
        return points
    return 1 / points if points > 0 else math.inf
