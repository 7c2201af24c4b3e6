"""What a point of test accuracy costs, and how sure that is."""

from __future__ import annotations

import math

import numpy as np

from teachgym.benchmarks.analysis import FloatArray, Interval
from teachgym.benchmarks.uncertainty import ratio

POINT = 0.01
"""Of accuracy."""


def cost_per_point(spent: FloatArray, gains: FloatArray, rng: np.random.Generator) -> Interval:
    """Mean spending of runs for each point of their mean gain, with a 95 % interval over runs.

    A gain may be 0 or below, and then a point has no finite price. Points per unit spent have no
    such trouble, so these are bootstrapped (``uncertainty.ratio``) and their interval is turned
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
    value = _show(price.value) if math.isfinite(price.value) else "no gain"
    if not math.isfinite(price.low):
        return value
    if not math.isfinite(price.high):
        return f"{value}, at least {_show(price.low)}"
    return f"{value} [{_show(price.low)}, {_show(price.high)}]"


def _turned(points: float) -> float:
    if math.isnan(points):
        return points
    return 1 / points if points > 0 else math.inf


def _show(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"
