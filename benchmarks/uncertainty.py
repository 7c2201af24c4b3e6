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
    percentiles,
    performance_profile,
    probability_of_improvement,
)
from teachgym.metrics import Estimate, estimate

RESAMPLES = 1000


def improvement(
    first: FloatArray, second: FloatArray, rng: np.random.Generator, *, paired: bool = False
) -> Interval:
    """Chance that a run of the first arm beats one of the second, with a 95 % interval.

    Both arms are resampled by themselves (Agarwal et al. 2021, sections 4.2 and 4.3); ``paired``,
    seeds are (see ``analysis.probability_of_improvement``). Where every run beats every other,
    resamples do too, so an interval reaches at least as far as that of Clopper and Pearson (1934)
    for n wins of n, with n the runs of the smaller arm.

    Args:
        first: scores, shape (n_first,), n_first >= 1.
        second: scores, shape (n_second,), n_second >= 1.
        rng: draws the resamples.
        paired: compare the i-th run of both only; n_first = n_second.

    Raises:
        ConfigError: for pairs of unequal numbers.
    """
    value = probability_of_improvement(first, second, paired=paired)
    n_runs = min(len(first), len(second))
    if n_runs < FEWEST:
        return Interval(value, math.nan, math.nan)
    if paired:
        values = _weights(n_runs, rng) @ ((np.sign(first - second) + 1) / 2)
    else:
        wins = (np.sign(first[:, np.newaxis] - second) + 1) / 2  # (n_first, n_second)
        weights = [_weights(len(scores), rng) for scores in (first, second)]
        values = np.einsum("bi,ij,bj->b", weights[0], wins, weights[1])
    found, reached = percentiles(value, values, n_runs), 0.025 ** (1 / n_runs)
    return Interval(value, min(found.low, reached), max(found.high, 1 - reached))


def profile(
    scores: FloatArray, thresholds: Sequence[float], rng: np.random.Generator
) -> tuple[Interval, ...]:
    """Share of runs above each threshold with pointwise 95 % intervals, shape (n_thresholds,).

    Args:
        scores: shape (n_runs,), n_runs >= 1.
        thresholds: ascending.
        rng: draws the resamples.
    """
    shares = performance_profile(scores, thresholds).tolist()
    above = scores[:, np.newaxis] > np.asarray(thresholds)  # (n_runs, n_thresholds)
    values = (_weights(len(scores), rng) @ above).T
    return tuple(percentiles(*each, len(scores)) for each in zip(shares, values, strict=True))


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
    weights = _weights(len(numerators), rng)  # (RESAMPLES, n_runs)
    values = (weights @ numerators) / (weights @ denominators)
    return percentiles(value, values, len(numerators))


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


def _weights(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each of n runs is drawn in each resample, as a share, (RESAMPLES, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
