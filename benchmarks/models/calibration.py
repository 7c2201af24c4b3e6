"""Fits the character of a simulated student to the learning curves of a real one.

``Curves`` in, ``Profile`` out: bounded least squares on whole sequences of training runs, with
weak priors for what the curves do not tell. Knows neither a model nor a task, so the curves of a
simulated student can be fitted as well, which is how the fit is tested.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError
from teachgym.students.dynamics import (
    LOST,
    MASTERED,
    UNIT,
    Dynamics,
    FloatArray,
    accuracy,
    learn,
)
from teachgym.students.profile import Profile, SkillProfile

PRIOR = 0.1
"""Weight of a prior against one measured accuracy: weak, there are hundreds per cell."""

LIFT = 0.2
"""Gain in accuracy from 1000 examples of nothing else that makes a weak skill "learnable"."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Q sequences of T training runs of one student, each from the same weights."""

    skills: tuple[str, ...]
    levels: tuple[float, ...]
    items: int
    """Held-out items per cell, the same ones in every evaluation."""
    counts: FloatArray
    """Training examples, (Q, T, S, L)."""
    right: FloatArray
    """Items answered right, before the first run and after each, (Q, T + 1, S, L)."""
    designs: tuple[str, ...]
    """How the counts of each sequence were chosen, (Q,)."""
    prerequisites: tuple[tuple[str, str], ...] = ()
    """(skill, other): the skill cannot be learned without the other."""
    links: tuple[tuple[str, str], ...] = ()
    """(skill, other): examples of the other may help the skill."""

    @property
    def accuracy(self) -> FloatArray:
        """Share of right answers, (Q, T + 1, S, L)."""
        return self.right / self.items

    def pick(self, sequences: Sequence[int] | NDArray[np.int64]) -> Curves:
        """The curves of the sequences with these numbers."""
        return replace(
            self,
            counts=self.counts[sequences],
            right=self.right[sequences],
            designs=tuple(self.designs[i] for i in sequences),
        )

    def dump(self, path: Path) -> None:
        """Write JSON, one sequence a line."""
        head = {
            "skills": self.skills,
            "levels": self.levels,
            "items": self.items,
            "prerequisites": self.prerequisites,
            "links": self.links,
        }
        sequences = [
            {"design": design, "counts": c.astype(int).tolist(), "right": r.astype(int).tolist()}
            for design, c, r in zip(self.designs, self.counts, self.right, strict=True)
        ]
        lines = ",\n".join(json.dumps(s, separators=(",", ":")) for s in sequences)
        text = json.dumps({**head, "sequences": []})
        path.write_text(text.removesuffix("[]}") + f"[\n{lines}\n]}}\n")

    @classmethod
    def load(cls, path: Path) -> Curves:
        """Read what ``dump`` has written."""
        content = json.loads(path.read_text())
        sequences = content["sequences"]
        return cls(
            skills=tuple(content["skills"]),
            levels=tuple(content["levels"]),
            items=content["items"],
            counts=np.array([s["counts"] for s in sequences], dtype=np.float64),
            right=np.array([s["right"] for s in sequences], dtype=np.float64),
            designs=tuple(s["design"] for s in sequences),
            prerequisites=tuple((a, b) for a, b in content["prerequisites"]),
            links=tuple((a, b) for a, b in content["links"]),
        )


def predict(dynamics: Dynamics, counts: FloatArray) -> FloatArray:
    """Accuracies without noise, (Q, T + 1, S, L), of training on ``counts``, (Q, T, S, L)."""
    x = np.broadcast_to(dynamics.start, (len(counts), *dynamics.start.shape))
    path = [x]
    for step in range(counts.shape[1]):
        path.append(learn(path[-1], counts[:, step], dynamics))
    return accuracy(np.stack(path, axis=1), dynamics)


def fit(curves: Curves) -> Profile:
    """The profile, without noise, that predicts ``curves`` best from the first weights on.

    Minimises the sum of squared errors of accuracy over all evaluations and cells, plus, for
    each parameter, ``PRIOR``^2 times the squared distance from its prior mean in standard
    deviations of the prior.
    """
    from scipy.optimize import least_squares

    blocks = _blocks(curves)
    mean = np.concatenate([b.mean.ravel() for b in blocks])
    scale, low, high = np.concatenate([np.tile(b[1:], (b.mean.size, 1)) for b in blocks]).T
    measured = curves.accuracy

    def residuals(vector: FloatArray) -> FloatArray:
        dynamics = Dynamics.of(_profile(vector, curves), curves.skills, curves.levels)
        error = predict(dynamics, curves.counts) - measured
        return np.concatenate([error.ravel(), PRIOR * (vector - mean) / scale])

    found = least_squares(residuals, mean, bounds=(low, high), x_scale=scale, ftol=1e-4)
    return _profile(np.round(found.x, 4), curves)


class _Block(NamedTuple):
    """Some of the fitted numbers: prior mean and standard deviation, lowest and highest value."""

    mean: FloatArray
    scale: float
    low: float
    high: float


def _blocks(curves: Curves) -> tuple[_Block, ...]:
    """In the order in which ``_profile`` reads them."""
    skills = len(curves.skills)
    first = (curves.right[:, 0].mean(axis=0) + 0.5) / (curves.items + 1)
    start = np.clip(np.log(first / (1 - first)), LOST + 0.1, MASTERED - 0.1)
    return (
        _Block(start, 1.0, LOST, MASTERED),
        _Block(np.full(first.shape, 0.95), 0.2, 0.02, 1.0),  # ceiling
        _Block(np.full(skills, 1.0), 1.0, 0.0, 20.0),  # rate
        _Block(np.full(skills, 0.05), 0.1, 0.0, 2.0),  # forgetting
        _Block(np.full(len(curves.links), 0.05), 0.1, 0.0, 1.0),  # transfer
        _Block(np.array([0.4, 0.7]), 0.2, 0.0, 1.0),  # level_transfer, saturation
    )


def _profile(vector: FloatArray, curves: Curves) -> Profile:
    """The profile that a fitted vector stands for."""
    ends = np.cumsum([b.mean.size for b in _blocks(curves)])
    start, ceiling, rate, forgetting, transfer, shared = np.split(vector, ends[:-1])
    shape = len(curves.skills), len(curves.levels)
    worth = dict(zip(curves.links, transfer.tolist(), strict=True))
    skills = {
        skill: SkillProfile(
            start=tuple(row_start.tolist()),
            ceiling=tuple(row_ceiling.tolist()),
            rate=float(rate[i]),
            forgetting=float(forgetting[i]),
            prerequisites=tuple(b for a, b in curves.prerequisites if a == skill),
            transfer={b: w for (a, b), w in worth.items() if a == skill},
        )
        for i, (skill, row_start, row_ceiling) in enumerate(
            zip(curves.skills, start.reshape(shape), ceiling.reshape(shape), strict=True)
        )
    }
    return Profile(skills, level_transfer=float(shared[0]), saturation=float(shared[1]), noise=0.0)


def estimate_noise(profile: Profile, curves: Curves) -> float:
    """The noise that makes repetitions differ as much as sequences with equal counts do.

    By moments, over all cells and runs: after N examples the accuracy p of a cell has variance
    (noise * dp/dx)^2 * N / 1000 between repetitions, with dp/dx = p (1 - p / ceiling) as fitted.
    That training also undoes part of the luck of earlier runs is left out.

    Raises:
        ConfigError: if no two sequences have equal counts.
    """
    dynamics = Dynamics.of(profile, curves.skills, curves.levels)
    p = predict(dynamics, curves.counts)[:, 1:]
    examples = curves.counts.sum(axis=(2, 3), keepdims=True).cumsum(axis=1)
    weight = (p * (1 - p / dynamics.ceiling)) ** 2 * examples / UNIT
    _, group, size = np.unique(curves.counts, axis=0, return_inverse=True, return_counts=True)
    repeated = [np.flatnonzero(group == g) for g in np.flatnonzero(size > 1)]
    if not repeated:
        raise ConfigError("no two sequences have equal counts; measure some repetitions")
    variance = np.stack([curves.accuracy[r, 1:].var(axis=0, ddof=1) for r in repeated])
    weight = np.stack([weight[r[0]] for r in repeated])
    return float(np.sqrt((variance * weight).sum() / (weight**2).sum()))


def find_learnable(
    profile: Profile, skills: Sequence[str], levels: Sequence[float]
) -> tuple[str, ...]:
    """Skills whose mean accuracy 1000 examples of nothing else lift by ``LIFT`` or more."""
    dynamics = Dynamics.of(profile, skills, levels)
    alone = np.eye(len(skills))[:, :, None] * np.full(len(levels), UNIT / len(levels))
    path = predict(dynamics, alone[:, None]).mean(axis=-1)
    gain = np.diagonal(path[:, 1] - path[:, 0])
    return tuple(skill for skill, g in zip(skills, gain, strict=True) if g >= LIFT)


def find_typical(skills: Sequence[SkillProfile]) -> SkillProfile:
    """The median skill, number by number, without links; the default one if there are none."""
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
    """How well predictions of held-out curves hit."""

    rmse: float
    """Root of the mean squared error, in accuracy."""
    r2: float
    """1 - squared error / variance of what was measured; 0 = as good as the best constant."""


def score(predicted: FloatArray, measured: FloatArray) -> Score:
    """Arrays of one shape."""
    error = np.mean((predicted - measured) ** 2)
    return Score(float(error**0.5), float(1 - error / measured.var()))


def compare(profile: Profile, train: Curves, held_out: Curves) -> dict[str, dict[str, Score]]:
    """Scores of the profile and of two references on ``held_out``, by target and predictor.

    Targets: ``change`` of a cell's accuracy in a run; ``final`` accuracy of a cell; ``overall``,
    the mean final accuracy of all cells. References: ``no change``, the first accuracies for
    ever; ``mean change``, each cell's mean change per run in ``train`` added in every run.
    """
    first = train.accuracy[:, :1].mean(axis=0)
    drift = np.diff(train.accuracy, axis=1).mean(axis=(0, 1))
    runs = np.arange(held_out.right.shape[1])[:, None, None]
    shape = held_out.right.shape
    dynamics = Dynamics.of(profile, train.skills, train.levels)
    predictors = {
        "fitted profile": predict(dynamics, held_out.counts),
        "no change": np.broadcast_to(first, shape),
        "mean change": np.broadcast_to(np.clip(first + drift * runs, 0, 1), shape),
    }
    views: dict[str, Callable[[FloatArray], FloatArray]] = {
        "change": lambda a: np.diff(a, axis=1),
        "final": lambda a: a[:, -1],
        "overall": lambda a: a[:, -1].mean(axis=(1, 2)),
    }
    return {
        target: {name: score(view(p), view(held_out.accuracy)) for name, p in predictors.items()}
        for target, view in views.items()
    }
