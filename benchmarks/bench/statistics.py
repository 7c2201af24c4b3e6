"""Statistics of repeated episodes: pure functions of numbers, each with its source.

A *run* is an episode with its own seed; the scores of a method are an array of shape (n_runs,).
Randomness is passed in.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from teachgym.errors import ConfigError
from teachgym.types import FloatArray, Score

FEWEST = 5
"""Runs below which there are no bootstrap intervals: no resample leaves the range of its runs, and
that of 3 covers the middle of a symmetric distribution in 75 of 100 cases."""
RESAMPLES = 1000
"""Number of resamples of means, which are made by weighing the runs."""
DRAWS = 2000
"""Number of resamples of anything else."""
CONFIDENCE = 0.95
"""Chance with which an interval covers the true value."""
K = TypeVar("K", bound=Hashable)
Statistic = Callable[[FloatArray], FloatArray]
"""Numbers from scores along their last axis, (..., n_runs) to (...)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the interval that covers the true value with a chance of 95 %."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return self.show()

    def show(self, digits: int = 3) -> str:
        """The estimate, and the interval if it is known.

        Example:
            >>> Interval(0.5, 0.25, 0.75).show(2), Interval(0.5, float("nan"), float("nan")).show(2)
            ('0.50 [0.25, 0.75]', '0.50')
        """
        value, low, high = (f"{x:z.{digits}f}" for x in (self.value, self.low, self.high))
        if not isfinite(self.low) or not isfinite(self.high):
            return value
        return f"{value} [{low}, {high}]"


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two methods compared on the same seeds."""

    difference: Score
    """Mean of first minus second."""
    interval: Interval
    """The interval of the mean difference, by Student's t distribution with n - 1 degrees of
    freedom."""
    p: float
    """Two-sided p-value of the paired t-test; nan for n < 2, and where all differences are equal
    and not 0; 1 where all are 0."""

    @property
    def known(self) -> bool:
        """Whether there is an interval: two differences or more, and not all of them equal."""
        return isfinite(self.interval.low)

    def show(self, pair: str = "seed") -> str:
        """The difference with its interval, or with the reason why it has none.

        Args:
            pair: what each difference is of.

        Example:
            >>> compare_paired([0.5, 0.7, 0.6], [0.4, 0.5, 0.4]).show()
            '+0.1667 [+0.0232, +0.3101]'
            >>> compare_paired([0.5], [0.4]).show(), compare_paired([0.5] * 2, [0.5] * 2).show()
            ('+0.1000, one seed', '+0.0000, equal in 2 seeds')
        """
        mean, n = f"{self.difference.mean:+z.4f}", self.difference.n
        if self.known:
            return f"{mean} [{self.interval.low:+z.4f}, {self.interval.high:+z.4f}]"
        return f"{mean}, equal in {n} {pair}s" if n > 1 else f"{mean}, one {pair}"


def interquartile_mean(scores: FloatArray) -> FloatArray:
    """Mean of the middle half of the scores along the last axis, (..., n_runs) to (...).

    A quarter of the scores, rounded down, is left out at each end (Agarwal et al. 2021, "Deep RL
    at the edge of the statistical precipice", arXiv 2108.13264, section 4.3).

    Example:
        >>> float(interquartile_mean(np.array([0.0, 2.0, 4.0, 90.0])))
        3.0
    """
    ordered, n = np.sort(scores, axis=-1), scores.shape[-1]
    middle: FloatArray = ordered[..., n // 4 : n - n // 4].mean(axis=-1)
    return middle


def bootstrap(scores: FloatArray, statistic: Statistic, rng: np.random.Generator) -> Interval:
    """Percentile interval of the bootstrap over runs, widened for few of them.

    Runs are drawn with replacement (Agarwal et al. 2021, section 4.2). Plain percentiles cover the
    truth too seldom where runs are few (89 of 100 times for the interquartile mean of 5); see
    ``tail_probability``. Below ``FEWEST`` runs the ends are unknown (nan), and nothing is drawn: no
    widening helps where all resamples lie between few scores.

    Args:
        scores: shape (n_runs,), n_runs >= 1.
        statistic: of such scores.
        rng: draws the resamples.
    """
    n, value = len(scores), float(statistic(scores))
    if n < FEWEST:
        return Interval(value, math.nan, math.nan)
    # Medians and their like jump, so that the ends of 2,000 differ by a tenth of the width.
    return percentiles(value, statistic(scores[draw_resamples(n, rng, 5 * DRAWS)]), n)


def draw_resamples(n_runs: int, rng: np.random.Generator, draws: int = DRAWS) -> NDArray[np.int_]:
    """The places of the runs in each resample, shape (n_resamples, n_runs).

    Of five runs and fewer all resamples there are, 3,125 of five: the ends of a widened interval
    lie beyond all but one in a thousand, where a sample has next to none.
    """
    if n_runs <= FEWEST:
        return np.indices((n_runs,) * n_runs).reshape(n_runs, -1).T
    return rng.integers(n_runs, size=(draws, n_runs))


def draw_weights(n_runs: int, rng: np.random.Generator) -> FloatArray:
    """The share that each run has of each resample, shape (n_resamples, n_runs)."""
    if n_runs > FEWEST:
        return rng.multinomial(n_runs, np.full(n_runs, 1 / n_runs), size=RESAMPLES) / n_runs
    drawn = draw_resamples(n_runs, rng)
    weights: FloatArray = (drawn[..., np.newaxis] == np.arange(n_runs)).mean(axis=1)
    return weights


def percentiles(value: float, resampled: FloatArray, n: int) -> Interval:
    """The interval that a bootstrap of ``n`` runs gives, see ``tail_probability``.

    Below ``FEWEST`` runs its ends are nan. Resamples that have no value, such as a rank correlation
    of what is equal, are left out.
    """
    known = resampled[np.isfinite(resampled)]
    if n < FEWEST or not known.size:
        return Interval(value, math.nan, math.nan)
    tail = tail_probability(n)
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def tail_probability(n_runs: int) -> float:
    """The probability to cut off at each end of a bootstrap distribution of ``n_runs`` runs.

    ``Phi(-sqrt(n / (n - 1)) * t)`` with Student's t of ``n - 1`` degrees of freedom: the
    bootstrap's spread is too small by ``sqrt((n - 1) / n)``, and the normal tails it stands for
    are those of t (Hesterberg 2015, "What teachers should know about the bootstrap", The American
    Statistician 69(4), section on expanded percentile intervals). There are at least two runs.

    Example:
        >>> round(tail_probability(10), 4), round(tail_probability(1000), 4)
        (0.0086, 0.0248)
    """
    widened = np.sqrt(n_runs / (n_runs - 1)) * stats.t.isf((1 - CONFIDENCE) / 2, n_runs - 1)
    return float(stats.norm.sf(widened))


def probability_of_improvement(
    first: FloatArray, second: FloatArray, *, paired: bool = False
) -> float:
    """Chance that a run of the first method beats a run of the second; ties count half.

    P(X > Y) of Agarwal et al. 2021, section 4.3: the Mann-Whitney U statistic divided by the
    number of pairs. ``paired``: only runs of one seed are compared, the i-th of both (then it is
    the sign test's share of wins), for seeds that decide more than training: between harder and
    easier environments an advantage would drown.

    Example:
        >>> probability_of_improvement(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        0.875
        >>> probability_of_improvement(np.array([1.0, 2.0]), np.array([1.0, 0.0]), paired=True)
        0.75
    """
    return float(_wins(first, second, paired=paired).mean())


def _wins(first: FloatArray, second: FloatArray, *, paired: bool) -> FloatArray:
    """1 for each run that beats another, 0.5 for a tie; (n_first, n_second), or (n,) for pairs."""
    changes = _differences(first, second) if paired else first[:, np.newaxis] - second
    wins: FloatArray = (np.sign(changes) + 1) / 2
    return wins


def share_of_room(
    scores: Sequence[float],
    floor: Sequence[float],
    ceiling: Sequence[float],
    rng: np.random.Generator,
) -> Interval | None:
    """Share of the way from one method to another that a third one goes, with its interval.

    (mean score - mean floor) / (mean ceiling - mean floor) on the same seeds, shapes (n,): 0 = as
    the floor, 1 = as the ceiling. The interval is that of the bootstrap over seeds, which are drawn
    for all three together (``percentiles``). None where the room itself is not above 0 for sure,
    by its own interval: then a share of it is a division by noise. A share that is equal in all
    resamples, as that of the floor itself, has no interval.
    """
    table = np.array([scores, floor, ceiling], dtype=np.float64)  # (3, n)
    n = table.shape[1]
    drawn = table[:, draw_resamples(n, rng, RESAMPLES)].mean(axis=2)  # (3, n_resamples)
    mean = table.mean(axis=1)
    room = percentiles(float(mean[2] - mean[1]), drawn[2] - drawn[1], n)
    if not room.low > 0:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (drawn[0] - drawn[1]) / (drawn[2] - drawn[1])
    value = float((mean[0] - mean[1]) / (mean[2] - mean[1]))
    found = percentiles(value, shares, n)
    return found if found.low < found.high else Interval(value, math.nan, math.nan)


def compare_paired(
    first: Sequence[float] | FloatArray, second: Sequence[float] | FloatArray
) -> PairedTest:
    """Paired t-test of two methods on the same seeds, shapes (n,), n >= 1 (Student 1908).

    A single difference, or differences that are all equal, have no interval: how much they vary is
    unknown, not nothing. Accuracies of few items are often equal. Equal differences have no p-value
    either, unless they are 0 and nothing is found.

    Raises:
        ConfigError: for methods with unequal numbers of scores.
    """
    change = Score.of_repetitions(_differences(first, second))
    if change.n < 2 or change.stderr < 1e-12:
        nothing = Interval(change.mean, -math.inf, math.inf)
        return PairedTest(change, nothing, 1.0 if change.n > 1 and not change.mean else math.nan)
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, change.n - 1)) * change.stderr
    interval = Interval(change.mean, change.mean - width, change.mean + width)
    p = float(2 * stats.t.sf(abs(change.mean) / change.stderr, change.n - 1))
    return PairedTest(change, interval, p)


def compare_trained(runs: FloatArray, other: FloatArray) -> PairedTest:
    """Test a method that was trained several times against one that is not, on the same seeds.

    Training runs and seeds are both drawn by chance, and every run meets every seed. The variance
    of the mean difference is that of the runs' means plus that of the seeds' means, by the degrees
    of freedom of Satterthwaite (1946, Biometrics Bulletin 2(6):110-114). What a run does on one
    seed alone is counted in both, so intervals are rather too wide.

    Args:
        runs: scores of the trained method, (n_runs, n_seeds); of one run, ``compare_paired``.
        other: scores of the other, (n_seeds,).
    """
    if len(runs) == 1:
        return compare_paired(runs[0], other)
    change: FloatArray = runs - other
    means = [change.mean(axis=axis) for axis in (1, 0)]  # (n_runs,), (n_seeds,)
    parts = [float(own.var(ddof=1) / len(own)) for own in means]
    found = Score(len(runs), float(change.mean()), sum(parts) ** 0.5)
    if found.stderr < 1e-12:
        return PairedTest(found, Interval(found.mean, -math.inf, math.inf), math.nan)
    free = sum(parts) ** 2 / sum(v**2 / (len(m) - 1) for v, m in zip(parts, means, strict=True))
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, free)) * found.stderr
    p = float(2 * stats.t.sf(abs(found.mean) / found.stderr, free))
    return PairedTest(found, Interval(found.mean, found.mean - width, found.mean + width), p)


def compare_seeds(mine: Mapping[int, float], theirs: Mapping[int, float]) -> PairedTest | None:
    """``compare_paired`` of scores by seed, on the seeds that both have; None without such."""
    shared = sorted(mine.keys() & theirs.keys())
    if not shared:
        return None
    return compare_paired(*([scores[seed] for seed in shared] for scores in (mine, theirs)))


def _differences(
    first: Sequence[float] | FloatArray, second: Sequence[float] | FloatArray
) -> FloatArray:
    """The first minus the second of each pair, (n,)."""
    if len(first) != len(second):
        raise ConfigError(
            f"{len(first)} scores and {len(second)} cannot be paired; give the same seeds of both"
        )
    return np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """P-values adjusted for making several tests, by the same keys in the given order.

    The step-down method of Holm 1979: with the m values in ascending order, the i-th becomes the
    largest (m - j + 1) p_j over j <= i, at most 1. It bounds the chance of even one false
    finding. A nan stays one and counts as a test.

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[K, float] = {}
    highest = 0.0
    ranked = sorted((key for key, p in p_values.items() if p == p), key=p_values.__getitem__)
    for rank, key in enumerate(ranked):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[key]))
        adjusted[key] = highest
    return {key: adjusted.get(key, math.nan) for key in p_values}


def rank_sets(
    scores: Mapping[str, FloatArray], rng: np.random.Generator, *, resamples: int = DRAWS
) -> dict[str, tuple[int, int]]:
    """The first and the last place that each method may have, all of them at once.

    With a confidence of 95 % every method's true place lies in its set (Mogstad, Romano, Shaikh and
    Wilhelm 2024, "Inference for ranks with applications to mobility across neighbourhoods and
    academic achievement across countries", Review of Economic Studies 91(1), section 3): a method
    cannot be before those that are surely better, nor after those that are surely worse. Which are
    is decided for all ordered pairs together, by the stepdown of Romano and Wolf (2005) on the
    largest studentised difference. Other than there, methods share their seeds: differences are
    paired, seeds are resampled for all methods alike, and each resample is studentised by its own
    errors, since seeds are few. A pair without any spread decides nothing.

    Args:
        scores: shape (n_runs,) each, of the same seeds.
        rng: draws the resamples.
        resamples: >= 1.
    """
    table = np.stack([*scores.values()], axis=1)
    pairs = table[:, :, np.newaxis] - table[:, np.newaxis]  # (n_runs, n_methods, n_methods)
    better = _surely_above(pairs.reshape(len(table), -1), rng, resamples)
    sure = better.reshape(pairs.shape[1:])
    first, last = 1 + sure.sum(axis=0), len(scores) - sure.sum(axis=1)
    places = zip(first.tolist(), last.tolist(), strict=True)
    return dict(zip(scores, places, strict=True))


def _surely_above(pairs: FloatArray, rng: np.random.Generator, resamples: int) -> NDArray[np.bool_]:
    """A mask of means above 0, shape (n_pairs,), of differences of shape (n_runs, n_pairs).

    The chance that any of them is not is at most 5 %.
    """
    n_runs = len(pairs)
    draws = rng.multinomial(n_runs, np.full(n_runs, 1 / n_runs), size=resamples) / n_runs
    mean, centred = pairs.mean(axis=0), pairs - pairs.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    shift = draws @ centred  # (resamples, n_pairs)
    spreads = np.sqrt(np.maximum(draws @ centred**2 - shift**2, 0))
    known = spread > 1e-12
    height = np.divide(mean, spread, out=np.zeros_like(mean), where=known)
    heights = np.divide(shift, spreads, out=np.zeros_like(shift), where=known & (spreads > 1e-12))
    found = np.zeros(len(mean), dtype=bool)
    while not found.all():
        highest = np.quantile(heights[:, ~found].max(axis=1), 0.95)
        above = ~found & (height > highest)
        if not above.any():
            break
        found |= above
    return found


def seeds_needed(effect: float, deviation: float) -> int:
    """Pairs of runs that a paired t-test needs to find a difference.

    The smallest n >= 2 whose two-sided test at the 5 % level rejects with a chance of 80 %, by the
    noncentral t distribution with noncentrality sqrt(n) effect / deviation (Cohen 1988, section
    2.3.5).

    Args:
        effect: the difference to be found, not 0.
        deviation: standard deviation of the paired differences, > 0.

    Raises:
        ConfigError: for a number out of its range.
    """
    if effect == 0 or not deviation > 0:
        raise ConfigError(
            f"effect {effect}, deviation {deviation}: effect must not be 0, the deviation above 0"
        )

    def enough(n: int) -> bool:
        critical, shift = stats.t.ppf(0.975, n - 1), abs(effect / deviation) * n**0.5
        return bool(
            stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift) >= 0.8
        )

    most = 2
    while not enough(most):
        most *= 2
    return 2 + bisect_left(range(2, most), True, key=enough)


# -- curves, profiles and chances with intervals ------------------------------------------------
# The bootstrap by the weights of runs: widened for few of them, nan below FEWEST.


def improvement(
    first: FloatArray, second: FloatArray, rng: np.random.Generator, *, paired: bool = False
) -> Interval:
    """Chance that a run of the first arm beats one of the second, with a 95 % interval.

    Both arms are resampled by themselves (Agarwal et al. 2021, sections 4.2 and 4.3); ``paired``,
    seeds are (see ``probability_of_improvement``). Where every run beats every other,
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
    wins, n_runs = _wins(first, second, paired=paired), min(len(first), len(second))
    if n_runs < FEWEST:
        return Interval(float(wins.mean()), math.nan, math.nan)
    values = (weights := draw_weights(len(first), rng)) @ wins
    if not paired:
        others = draw_weights(len(second), rng)
        mine, theirs = (rng.integers(len(own), size=5 * DRAWS) for own in (weights, others))
        values = (values[mine] * others[theirs]).sum(axis=1)
    found, reached = percentiles(float(wins.mean()), values, n_runs), 0.025 ** (1 / n_runs)
    return Interval(found.value, min(found.low, reached), max(found.high, 1 - reached))


def profile(
    scores: FloatArray, thresholds: Sequence[float], rng: np.random.Generator
) -> tuple[Interval, ...]:
    """Share of runs above each threshold with pointwise 95 % intervals, shape (n_thresholds,).

    The run-score distribution of Agarwal et al. 2021, section 4.3, equation (1).

    Args:
        scores: shape (n_runs,), n_runs >= 1.
        thresholds: ascending.
        rng: draws the resamples.
    """
    above = scores[:, np.newaxis] > np.asarray(thresholds)  # (n_runs, n_thresholds)
    shares, values = above.mean(axis=0).tolist(), (draw_weights(len(scores), rng) @ above).T
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
    weights = draw_weights(len(numerators), rng)  # (n_resamples, n_runs)
    values = (weights @ numerators) / (weights @ denominators)
    return percentiles(value, values, len(numerators))


def mean_curve(curves: Sequence[Sequence[float]]) -> tuple[Score, ...]:
    """Mean over runs at each step that all of them reached; curves may differ in length."""
    shortest = min(map(len, curves))
    return tuple(
        Score.of_repetitions([curve[step] for curve in curves]) for step in range(shortest)
    )
