"""Curves, profiles and pairwise chances of repeated runs with intervals: pure functions.

The bootstrap is that of ``teachgym.benchmarks.analysis``, written for whole arrays at once: widened
for few runs, and unknown (nan) below ``FEWEST``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from teachgym.benchmarks.analysis import (
    FEWEST,
    FloatArray,
    Interval,
    performance_profile,
    probability_of_improvement,
    tail_probability,
)
from teachgym.metrics import Estimate, estimate

RESAMPLES = 1000


def improvement(first: FloatArray, second: FloatArray, rng: np.random.Generator) -> Interval:
    """Chance that a run of the first arm beats one of the second, with a 95 % interval.

    Both arms are resampled by themselves (Agarwal et al. 2021, sections 4.2 and 4.3). Where every
    run beats every other, resamples do too; then the other end is that of Clopper and Pearson
    (1934) for n wins of n, with n the runs of the smaller arm.

    Args:
        first: scores, shape (n_first,), n_first >= 1.
        second: scores, shape (n_second,), n_second >= 1.
        rng: draws the resamples.
    """
    value, n_runs = probability_of_improvement(first, second), min(len(first), len(second))
    if n_runs < FEWEST:
        return Interval(value, math.nan, math.nan)
    if value in (0.0, 1.0):
        reached = 0.025 ** (1 / n_runs)
        return Interval(value, reached, 1.0) if value else Interval(value, 0.0, 1 - reached)
    wins = (np.sign(first[:, np.newaxis] - second) + 1) / 2  # (n_first, n_second)
    weights = [_weights(len(scores), rng) for scores in (first, second)]
    values = np.einsum("bi,ij,bj->b", weights[0], wins, weights[1])
    low, high = np.quantile(values, _ends(n_runs))
    return Interval(value, float(low), float(high))


def profile(
    scores: FloatArray, thresholds: Sequence[float], rng: np.random.Generator
) -> tuple[Interval, ...]:
    """Share of runs above each threshold with pointwise 95 % intervals, shape (n_thresholds,).

    Args:
        scores: shape (n_runs,), n_runs >= 1.
        thresholds: ascending.
        rng: draws the resamples.
    """
    shares = performance_profile(scores, thresholds)
    if len(scores) < FEWEST:
        return tuple(Interval(float(share), math.nan, math.nan) for share in shares)
    above = scores[:, np.newaxis] > np.asarray(thresholds)  # (n_runs, n_thresholds)
    values = _weights(len(scores), rng) @ above
    lows, highs = np.quantile(values, _ends(len(scores)), axis=0)
    return tuple(Interval(*map(float, three)) for three in zip(shares, lows, highs, strict=True))


def ratio(numerators: FloatArray, denominators: FloatArray, rng: np.random.Generator) -> Interval:
    """Ratio of two means over the same runs with a 95 % interval.

    The bootstrap draws runs, so both numbers of a run stay together. Of means, not a
    mean of ratios: a run whose denominator happens to be small must not outweigh all others.

    Args:
        numerators: shape (n_runs,), n_runs >= 1.
        denominators: > 0, of the same shape. Where they may be 0 the interval of a ratio can be
            unbounded (Fieller 1954), and a percentile would hide it.
        rng: draws the resamples.
    """
    value = float(numerators.mean() / denominators.mean())
    if len(numerators) < FEWEST:
        return Interval(value, math.nan, math.nan)
    weights = _weights(len(numerators), rng)  # (RESAMPLES, n_runs)
    values = (weights @ numerators) / (weights @ denominators)
    low, high = np.quantile(values, _ends(len(numerators)))
    return Interval(value, float(low), float(high))


def mean_curve(curves: Sequence[Sequence[float]]) -> tuple[Estimate, ...]:
    """Mean over runs at each step that all of them reached; curves may differ in length."""
    shortest = min(map(len, curves))
    return tuple(estimate([curve[step] for curve in curves]) for step in range(shortest))


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


def _ends(n_runs: int) -> tuple[float, float]:
    tail = tail_probability(n_runs)
    return tail, 1 - tail


def _weights(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each of n runs is drawn in each resample, as a share, (RESAMPLES, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
