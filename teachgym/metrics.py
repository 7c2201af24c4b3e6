"""Numbers about reports and episodes: means with standard errors, curves, rank correlation.

Pure functions of numpy arrays. A mean never comes without its n and its standard error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from teachgym.types import Example, Prediction, Report, Score, Scores
from teachgym.types.scores import FloatArray


def paired_gain(before: Report, after: Report) -> Score:
    """Mean change of score over the items measured in both reports, with its standard error.

    The reports must be over the same items in the same order. Pairing removes the variance
    between items, so this is the error of the *change*.
    """
    if len(before.scores) != len(after.scores):
        raise ValueError(
            f"reports over {len(before.scores)} and {len(after.scores)} items cannot be paired; "
            "evaluate both on the same split of the same task"
        )
    return Score.of_repetitions(after.scores - before.scores)


def nearest_level(levels: Sequence[float], difficulty: float | None) -> int:
    """Index of the level closest to ``difficulty``; the first level if it is None.

    Example:
        >>> nearest_level((0.0, 0.5, 1.0), 0.6)
        1
    """
    if difficulty is None:
        return 0
    return min(range(len(levels)), key=lambda i: abs(levels[i] - difficulty))


def by_cell(report: Report, skills: Sequence[str], levels: Sequence[float]) -> Scores:
    """Group a report by ``skills`` (rows) and ``levels`` (columns); other skills are left out.

    The standard error of a cell is sqrt(mean squared deviation / n). Other than in ``Score.of``, it
    stays 0 where all items of a cell are right, or none: this is what teachers observe.
    """
    row = {skill: i * len(levels) for i, skill in enumerate(skills)}
    cells = [
        row[e.skill] + nearest_level(levels, e.difficulty) if e.skill in row else -1
        for e in (p.example for p in report.predictions)
    ]
    return _grouped(cells, report.scores, (len(skills), len(levels)))


def by_group(report: Report, groups: Sequence[Collection[str]]) -> Scores:
    """Group a report by disjoint ``groups`` of skills; arrays of shape (n_groups,)."""
    row = {skill: i for i, group in enumerate(groups) for skill in group}
    cells = [row.get(p.example.skill, -1) for p in report.predictions]
    return _grouped(cells, report.scores, (len(groups),))


def _grouped(cells: Sequence[int], scores: FloatArray, shape: tuple[int, ...]) -> Scores:
    """Scores by cell number; a negative number is left out, and so is a nan score."""
    index = np.array(cells, dtype=np.int64)
    kept = (index >= 0) & ~np.isnan(scores)
    index, scores = index[kept], scores[kept]
    size = math.prod(shape)
    n = np.bincount(index, minlength=size).astype(np.float64)
    at_least_one = np.maximum(n, 1)
    mean = np.bincount(index, weights=scores, minlength=size) / at_least_one
    square = np.bincount(index, weights=scores**2, minlength=size) / at_least_one
    stderr = np.sqrt(np.maximum(square - mean**2, 0) / at_least_one)
    return Scores(n.reshape(shape), mean.reshape(shape), stderr.reshape(shape))


@dataclass(frozen=True, slots=True)
class Spread:
    """The part of the differences within a group of measurements that exceeds chance."""

    signal: float
    """Standard deviation of the true means, as estimated; 0 if there is no more than noise."""
    noise: float
    """Standard error of one mean in comparison with the others."""
    p: float
    """Chance of differences as large where all true means are equal, in [0, 1]."""

    @property
    def signal_to_noise(self) -> float:
        """``signal / noise``; inf without noise."""
        if self.noise == 0:
            return math.inf if self.signal else 0.0
        return self.signal / self.noise


def spread_of(scores: FloatArray) -> Spread:
    """The spread of K means over the same items, by two-way analysis of variance.

    What an item's difficulty does to all K alike is no noise between them, so it is taken out
    (repeated measures; Fisher 1925; for right and wrong, Cochran's Q test with an F distribution).
    The noise is that of which items were drawn, not that of another training run.

    Args:
        scores: shape (K, n_items); items with nan anywhere are left out.

    Example:
        >>> spread = spread_of(np.array([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]))
        >>> round(spread.noise, 4), round(spread.signal, 4)
        (0.2041, 0.2887)
    """
    kept = scores[:, ~np.isnan(scores).any(axis=0)]
    k, n = kept.shape
    if k < 2 or n < 2:
        return Spread(0.0, math.nan, 1.0)
    from scipy.stats import f  # Imported here: it takes long, and only who compares needs it.

    means = kept.mean(axis=1)
    rest = kept - means[:, None] - kept.mean(axis=0) + means.mean()
    noise = float((rest**2).sum()) / ((k - 1) * (n - 1)) / n
    between = float(means.var(ddof=1))
    if noise < 1e-15:
        return Spread(between**0.5, 0.0, 0.0 if between > 1e-15 else 1.0)
    p = float(f.sf(between / noise, k - 1, (k - 1) * (n - 1)))
    return Spread(max(between - noise, 0.0) ** 0.5, noise**0.5, p)


def advantages(rewards: FloatArray) -> FloatArray:
    """Rewards minus their mean, divided by their standard deviation, (n,); 0 if all are equal.

    The advantages of GRPO (Shao et al. 2024, arXiv 2402.03300, section 4.1).

    Example:
        >>> advantages(np.array([0.0, 1.0])).tolist()
        [-1.0, 1.0]
    """
    deviation = rewards.std()
    centred = rewards - rewards.mean()
    return np.zeros_like(centred) if deviation < 1e-12 else centred / deviation


# -- figures of a set of answers, for ``Task.metrics`` -------------------------------------------


def group_accuracy(
    predictions: Iterable[Prediction], group_of: Callable[[Example], Hashable]
) -> Score:
    """The share of groups whose items are all right (score 1), with its error over groups.

    Such as several questions about one image, of which a guess would get some. A group is wrong if
    any of its items is, and not measured if none is wrong and any could not be graded.
    """
    groups: dict[Hashable, list[float]] = defaultdict(list)
    for prediction in predictions:
        groups[group_of(prediction.example)].append(prediction.score)
    return Score.of(
        0.0 if any(s < 1 for s in scores) else math.nan if any(map(math.isnan, scores)) else 1.0
        for scores in groups.values()
    )


def precision_recall_f1(
    predictions: Iterable[Prediction],
    wanted: Callable[[Example], Collection[Hashable]],
    said: Callable[[Prediction], Collection[Hashable]],
    *,
    average: Literal["micro", "macro"] = "micro",
) -> dict[str, Score]:
    """Precision, recall and F1 of answers that are sets of labels; unscored ones are left out.

    Such as the tools that an answer calls; an answer that says yes or no is a set of one label or
    none. Each figure is a ratio of two sums over items, R = sum of a / sum of b, and its standard
    error is that of the delta method: sqrt(sum of (a - R b)^2) / sum of b, which with one label for
    precision and recall is sqrt(R (1 - R) / n). n counts the items that the ratio is about: those
    with labels said, with labels wanted, and for F1 with either.

    Args:
        predictions: the graded answers.
        wanted: the labels that are right.
        said: the labels that the answer has.
        average: ``micro``: sums over the labels too; ``macro``: the mean of the labels' own figures
            (scikit-learn's, but of the labels that are wanted or said alone; 0 where one of them is
            never wanted, or never said), its error that of the mean of the items' (a - R b) / sum
            of b.
    """
    measured = [p for p in predictions if not math.isnan(p.score)]
    right = [frozenset(wanted(p.example)) for p in measured]
    called = [frozenset(said(p)) for p in measured]
    labels = sorted(frozenset().union(*right, *called), key=repr) if average == "macro" else None
    agreed = [a & b for a, b in zip(right, called, strict=True)]
    both, are, say = (_counts(sets, labels) for sets in (agreed, right, called))
    return {
        "precision": _ratio(both, say),
        "recall": _ratio(both, are),
        "f1": _ratio(2 * both, are + say),
    }


def _counts(sets: Sequence[Collection[Hashable]], labels: Sequence[Hashable] | None) -> FloatArray:
    """Counts of each label in each set, (n_sets, n_labels), or of all labels, (n_sets, 1)."""
    rows = [[len(s)] if labels is None else [label in s for label in labels] for s in sets]
    shape = (len(sets), 1 if labels is None else len(labels))
    return np.array(rows, dtype=np.float64).reshape(shape)


def _ratio(part: FloatArray, whole: FloatArray) -> Score:
    """Mean over columns of sum of ``part`` / sum of ``whole``, with the delta method's error.

    Both have shape (n_items, n_labels).
    """
    totals = whole.sum(axis=0)
    if not totals.any():
        return Score.nothing()
    ratios = part.sum(axis=0) / np.maximum(totals, 1)
    off = ((part - ratios * whole) / np.maximum(totals, 1)).mean(axis=1)
    n = int(np.count_nonzero(whole.any(axis=1)))
    return Score(n, float(ratios.mean()), float(np.sqrt((off**2).sum())))


def brier(predictions: Iterable[Prediction], confidence: Callable[[Prediction], float]) -> Score:
    """The mean squared difference of stated confidence and score; 0 is best, 1/4 is a constant 1/2.

    Brier 1950, for answers that are right or wrong. Those without a score are left out.

    Args:
        predictions: the graded answers.
        confidence: the chance, in [0, 1], that the student gave itself to be right; nan = none.
    """
    return Score.of((confidence(p) - p.score) ** 2 for p in predictions)


def calibration_error(
    predictions: Iterable[Prediction], confidence: Callable[[Prediction], float]
) -> Score:
    """The expected calibration error of stated confidences; 0 is best.

    Guo et al. 2017 (arXiv 1706.04599, equation 3): the distance of accuracy and mean confidence in
    ten bins, (0, 0.1] and so on, weighted by the answers in them. Its standard error is not known.

    Args:
        predictions: the graded answers; those without a score are left out.
        confidence: the chance, in [0, 1], that the student gave itself to be right; nan = none.
    """
    told = np.array([(p.score, confidence(p)) for p in predictions], dtype=np.float64)
    right, sure = told.reshape(-1, 2)[~np.isnan(told.reshape(-1, 2)).any(axis=1)].T
    if not right.size:
        return Score.nothing()
    # Rounded first, for 0.1 * 3 is a little more than 0.3.
    bins = np.clip(np.ceil(np.round(10 * sure, 9)) - 1, 0, 9).astype(np.int64)
    gaps = np.bincount(bins, weights=right - sure)
    return Score(right.size, float(np.abs(gaps).sum() / right.size), math.nan)


def area_under_curve(accuracies: Sequence[float]) -> float:
    """Mean height of the learning curve (trapezoid rule, steps as abscissa), in [0, 1].

    ``accuracies`` has shape (n_steps + 1,): the untrained student first.

    Example:
        >>> area_under_curve([0.0, 1.0, 1.0])
        0.75
    """
    y = np.asarray(accuracies, dtype=np.float64)
    return float(y[0]) if y.size == 1 else float(np.mean((y[1:] + y[:-1]) / 2))


def rank_correlation(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Spearman's rho along the last axis, shapes (..., n) to (...); nan if one side is constant.

    It is the Pearson correlation of the average ranks.
    """
    from scipy.stats import rankdata  # Imported here: it takes long, and only who ranks needs it.

    ranks = (rankdata(values, axis=-1) for values in (x, y))
    a, b = (own - own.mean(axis=-1, keepdims=True) for own in ranks)
    with np.errstate(invalid="ignore"):
        rhos: FloatArray = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return rhos
