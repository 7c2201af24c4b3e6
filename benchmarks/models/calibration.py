"""Fit the character of a simulated student to the learning curves of a real one.

The fit turns ``Curves`` into a ``Profile`` by bounded least squares on whole sequences of training
runs, with weak priors for numbers that the curves do not determine. It depends on no model and no
task, so tests can fit the curves of a simulated student.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teachgym.benchmarks.models.curves import Curves, Subject
from teachgym.errors import ConfigError
from teachgym.students.dynamics import LOST, MASTERED, UNIT, Dynamics, accuracy, flow, learn, undone
from teachgym.students.profile import Profile, SkillProfile
from teachgym.types import FloatArray

PRIOR = 0.1
"""Weight of a prior relative to one measured accuracy; a cell has hundreds of these."""

LIFT = 0.2
"""Gain in accuracy from 1000 examples of nothing else that makes a weak skill "learnable"."""


def predict(dynamics: Dynamics, counts: FloatArray) -> FloatArray:
    """Predict accuracies without noise, (Q, T + 1, S, L), of training on ``counts``, (Q, T, S, L).

    The number of runs in a segment makes no difference (``teachgym.students.dynamics.learn``).
    """
    x = np.broadcast_to(dynamics.start, (len(counts), *dynamics.start.shape))
    path = [x]
    for step in range(counts.shape[1]):
        path.append(learn(path[-1], counts[:, step], dynamics))
    return accuracy(np.stack(path, axis=1), dynamics)


def fit(curves: Curves, like: Profile | None = None) -> Profile:
    """Fit the profile without noise that best predicts ``curves`` from the first weights on.

    Minimises the sum of squared errors of accuracy over all evaluations and cells, plus, for
    each parameter, ``PRIOR``^2 times the squared distance from its prior mean in standard
    deviations of the prior.

    Args:
        curves: of the student.
        like: the profile of a student of its kind. Its numbers, except for the first accuracies,
            are the means of the priors; None = the means of ``_blocks``.
    """
    from scipy.optimize import least_squares

    blocks = _blocks(curves)
    mean = np.concatenate([b.mean.ravel() for b in (_centred(blocks, like, curves))])
    scale, low, high = np.concatenate([np.tile(b[1:], (b.mean.size, 1)) for b in blocks]).T
    measured = ~np.isnan(curves.right)
    accuracies = curves.accuracy[measured]
    subject = curves.subject

    def residuals(vector: FloatArray) -> FloatArray:
        dynamics = Dynamics.of(_profile(vector, curves), subject.skills, subject.levels)
        error = predict(dynamics, curves.counts)[measured] - accuracies
        return np.concatenate([error, PRIOR * (vector - mean) / scale])

    found = least_squares(
        residuals,
        mean,
        bounds=(low, high),
        x_scale=scale,
        ftol=1e-4,
        jac_sparsity=_dependence(curves.subject, measured),
    )
    return _profile(np.round(found.x, 4), curves)


def _dependence(subject: Subject, measured: NDArray[np.bool_]) -> Any:
    """Return a sparse matrix, (n_residuals, n_numbers): 1 where a residual depends on a number.

    The numbers of a skill affect it and all skills that are built on it; the last two numbers
    affect all skills. So the numbers of unrelated skills can be varied at once.
    """
    from scipy.sparse import csr_array, eye_array, vstack

    skills, levels = subject.skills, subject.levels
    built = np.eye(len(skills), dtype=bool)  # (S, S): the row is affected by the column
    for _ in skills:
        for skill, need in subject.prerequisites:
            built[skills.index(skill)] |= built[skills.index(need)]
    cell = np.repeat(built, len(levels), axis=1)  # (S, S * L)
    linked = built[:, [skills.index(skill) for skill, _ in subject.links]]
    seen = np.concatenate([cell, cell, built, built, linked, np.ones((len(skills), 2))], axis=1)
    row = np.broadcast_to(np.arange(len(skills))[:, None], measured.shape[1:])
    rows = np.broadcast_to(row, measured.shape)[measured]
    return vstack([csr_array(seen.astype(np.int8))[rows], eye_array(seen.shape[1])])


class _Block(NamedTuple):
    """A block of fitted numbers: prior mean, prior standard deviation, lowest and highest value."""

    mean: FloatArray
    scale: float
    low: float
    high: float


def _blocks(curves: Curves) -> tuple[_Block, ...]:
    """Return the blocks in the order in which ``_profile`` reads them."""
    skills = len(curves.subject.skills)
    first = (curves.right[:, 0].mean(axis=0) + 0.5) / (curves.subject.items + 1)
    start = np.clip(np.log(first / (1 - first)), LOST + 0.1, MASTERED - 0.1)
    return (
        _Block(start, 1.0, LOST, MASTERED),
        _Block(np.full(first.shape, 0.95), 0.2, 0.02, 1.0),  # ceiling
        _Block(np.full(skills, 3.0), 3.0, 0.0, 20.0),  # rate
        _Block(np.full(skills, 0.2), 0.3, 0.0, 3.0),  # forgetting
        _Block(np.full(len(curves.subject.links), 0.05), 0.1, 0.0, 1.0),  # transfer
        _Block(np.array([0.4]), 0.2, 0.0, 1.0),  # level_transfer
        _Block(np.array([20.0]), 20.0, 1.0, 200.0),  # rehearsal
    )


def _centred(
    blocks: tuple[_Block, ...], like: Profile | None, curves: Curves
) -> tuple[_Block, ...]:
    """Centre all blocks on the numbers of ``like``, except for the first, which is measured.

    Students of one kind are alike, so the standard deviations are halved.
    """
    if like is None:
        return blocks
    skills, subject = like.skills, curves.subject
    numbers = (
        np.array([skills[s].ceiling for s in subject.skills]),
        np.array([skills[s].rate for s in subject.skills]),
        np.array([skills[s].forgetting for s in subject.skills]),
        np.array([skills[a].transfer.get(b, 0.0) for a, b in subject.links]),
        np.array([like.level_transfer]),
        np.array([like.rehearsal]),
    )
    others = (
        b._replace(mean=n, scale=b.scale / 2) for b, n in zip(blocks[1:], numbers, strict=True)
    )
    return (blocks[0], *others)


def _profile(vector: FloatArray, curves: Curves) -> Profile:
    """Turn a fitted vector into a profile."""
    ends = np.cumsum([b.mean.size for b in _blocks(curves)])
    start, ceiling, rate, forgetting, transfer, level, rehearsal = np.split(vector, ends[:-1])
    subject = curves.subject
    shape = len(subject.skills), len(subject.levels)
    worth = dict(zip(subject.links, transfer.tolist(), strict=True))
    skills = {
        skill: SkillProfile(
            start=tuple(row_start.tolist()),
            ceiling=tuple(row_ceiling.tolist()),
            rate=float(rate[i]),
            forgetting=float(forgetting[i]),
            prerequisites=tuple(b for a, b in subject.prerequisites if a == skill),
            transfer={b: w for (a, b), w in worth.items() if a == skill},
        )
        for i, (skill, row_start, row_ceiling) in enumerate(
            zip(subject.skills, start.reshape(shape), ceiling.reshape(shape), strict=True)
        )
    }
    return Profile(skills, level_transfer=float(level[0]), rehearsal=float(rehearsal[0]), noise=0.0)


def estimate_noise(profile: Profile, curves: Curves) -> float:
    """Estimate the noise from sequences with equal counts.

    The estimate matches moments over all cells and examinations. Between repetitions, the accuracy
    p of a cell has variance (noise * dp/dx)^2 * v, where dp/dx = p (1 - p / ceiling) is fitted, and
    v is the variance of x at noise 1. It grows with the examples, and later ones reduce it.

    Raises:
        ConfigError: if no two sequences have equal counts.
    """
    dynamics = Dynamics.of(profile, curves.subject.skills, curves.subject.levels)
    kept, group, size = np.unique(curves.counts, axis=0, return_inverse=True, return_counts=True)
    repeated = [np.flatnonzero(group == g) for g in np.flatnonzero(size > 1)]
    if not repeated:
        raise ConfigError("no two sequences have equal counts; measure some repetitions")
    weight = _slope(dynamics, kept[size > 1]) ** 2
    variance = np.stack([curves.accuracy[r, 1:].var(axis=0, ddof=1) for r in repeated])
    known = ~np.isnan(variance)
    return float(np.sqrt((variance * weight)[known].sum() / (weight**2)[known].sum()))


def _slope(dynamics: Dynamics, counts: FloatArray) -> FloatArray:
    """Return the standard deviation of accuracies after each segment per unit of small noise.

    The shape is (Q, T, S, L). ``teachgym.students.dynamics.learn`` says how noise accumulates.
    """
    x = np.broadcast_to(dynamics.start, (len(counts), *dynamics.start.shape))
    variance, slopes = np.zeros_like(x), []
    for segment in range(counts.shape[1]):
        total = counts[:, segment].sum(axis=(1, 2), keepdims=True) / UNIT
        x, speed = flow(x, counts[:, segment], dynamics)
        variance = variance * np.exp(-2 * speed) + total * undone(speed)
        p = accuracy(x, dynamics)
        slopes.append(p * (1 - p / dynamics.ceiling) * np.sqrt(variance))
    return np.stack(slopes, axis=1)


def find_learnable(
    profile: Profile, skills: Sequence[str], levels: Sequence[float]
) -> tuple[str, ...]:
    """Find the skills whose mean accuracy 1000 examples of them alone raise by ``LIFT`` or more."""
    dynamics = Dynamics.of(profile, skills, levels)
    alone = np.eye(len(skills))[:, :, None] * np.full(len(levels), UNIT / len(levels))
    path = predict(dynamics, alone[:, None]).mean(axis=-1)
    gain = np.diagonal(path[:, 1] - path[:, 0])
    return tuple(skill for skill, g in zip(skills, gain, strict=True) if g >= LIFT)


def find_typical(skills: Sequence[SkillProfile]) -> SkillProfile:
    """Return the median skill, number by number, without links; the default one without skills."""
    if not skills:
        return SkillProfile()
    return SkillProfile(
        start=tuple(np.median([s.start for s in skills], axis=0).round(4).tolist()),
        ceiling=tuple(np.median([s.ceiling for s in skills], axis=0).round(4).tolist()),
        rate=float(np.median([s.rate for s in skills]).round(4)),
        forgetting=float(np.median([s.forgetting for s in skills]).round(4)),
    )


@dataclass(frozen=True)
class Score:
    """The errors of predictions of held-out curves."""

    rmse: float
    """Root of the mean squared error, in accuracy."""
    r2: float
    """1 - squared error / variance of the measurements; 0 = as good as the best constant."""


def score(predicted: FloatArray, measured: FloatArray) -> Score:
    """Score predictions against measurements; the arrays have one shape."""
    error = np.mean((predicted - measured) ** 2)
    return Score(float(error**0.5), float(1 - error / measured.var()))


def compare(profile: Profile, train: Curves, held_out: Curves) -> dict[str, dict[str, Score]]:
    """Score the profile and two references on ``held_out``, by target and predictor.

    Targets: ``change`` of a cell's accuracy in a run; ``final`` accuracy of a cell; ``overall``,
    the mean final accuracy of all cells. References: ``no change``, the first accuracies
    throughout; ``mean change``, which adds each cell's mean change per run in ``train``.
    """
    first = train.accuracy[:, :1].mean(axis=0)
    drift = np.nanmean(np.diff(train.accuracy, axis=1), axis=(0, 1))
    runs = np.arange(held_out.right.shape[1])[:, None, None]
    shape = held_out.right.shape
    dynamics = Dynamics.of(profile, train.subject.skills, train.subject.levels)
    predictors = {
        "fitted profile": predict(dynamics, held_out.counts),
        "no change": np.broadcast_to(first, shape),
        "mean change": np.broadcast_to(np.clip(first + drift * runs, 0, 1), shape),
    }
    last = (held_out.runs > 0).sum(axis=1)
    views: dict[str, Callable[[FloatArray], FloatArray]] = {
        "change": lambda a: np.diff(a, axis=1)[held_out.runs > 0],
        "final": lambda a: a[np.arange(len(a)), last],
        "overall": lambda a: a[np.arange(len(a)), last].mean(axis=(1, 2)),
    }
    return {
        target: {name: score(view(p), view(held_out.accuracy)) for name, p in predictors.items()}
        for target, view in views.items()
    }
