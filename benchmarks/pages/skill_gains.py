"""Gains of skills by how hard they are and by how much of the data taught them.

DataEnvGym (arXiv 2410.06215, figure 4) reports the best gains for skills of middle difficulty and
for frequent ones, from one run. Here every run is measured and numbers come with intervals over
seeds. Difficulty is read from ``val`` and the gain from ``test``: an accuracy that is too low by
chance makes a skill look hard, and would make its gain look large, were both from the same items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from teachgym.benchmarks.bench.statistics import FEWEST, Interval, draw_weights, percentiles
from teachgym.metrics import rank_correlation
from teachgym.runs.checkpoints import read_report
from teachgym.runs.folder import RunFolder
from teachgym.runs.result import RunResult
from teachgym.types import FloatArray, Score


@dataclass(frozen=True, slots=True)
class SkillGain:
    """A skill in one run."""

    skill: str
    difficulty: float
    """1 - accuracy of the untrained student on ``val``, in [0, 1]."""
    level: float
    """Mean level of its items of ``test``; nan = they have none."""
    share: float
    """Share of the examples that the student had learned from, in [0, 1]; nan = none."""
    gain: float
    """Accuracy on ``test``, student that was best on ``val`` minus untrained."""


Quality = Callable[[SkillGain], float]
"""A number that gains may go with; nan = unknown."""

QUALITIES: Mapping[str, Quality] = {
    "difficulty": lambda g: g.difficulty,
    # Rounded, so that skills equally far on both sides are ties.
    "nearness to middle difficulty": lambda g: -round(abs(g.difficulty - 0.5), 9),
    "mean level": lambda g: g.level,
    "share of the data": lambda g: g.share,
}
"""The qualities that gains are correlated with, by name."""
BANDS: Mapping[str, tuple[float, float]] = {
    "easy": (0.0, 1 / 3),
    "middle": (1 / 3, 2 / 3),
    "hard": (2 / 3, math.inf),
}
"""Thirds of the range of difficulty, lower ends included."""


_RESAMPLES = 500


def count_taught(result: RunResult) -> dict[str, int]:
    """Examples by skill in the steps up to that of the best student, which learned from them."""
    return {
        skill: n
        for skill, counts in result.taught.items()
        if (n := sum(counts[: result.best_step]))
    }


def mean_levels(run: RunFolder) -> dict[str, float]:
    """Mean level of each skill's items of ``test``, where they have levels.

    Raises:
        RunError: if the predictions are missing.
    """
    levels: dict[str, list[float]] = {}
    for prediction in read_report(run.test_predictions("untrained"), "test").predictions:
        example = prediction.example
        if example.difficulty is not None:
            levels.setdefault(example.skill, []).append(example.difficulty)
    return {skill: fmean(own) for skill, own in levels.items()}


def skill_gains(result: RunResult, levels: Mapping[str, float]) -> list[SkillGain]:
    """The skills of a run that were measured on both splits."""
    taught = count_taught(result)
    total = sum(taught.values())
    gains = []
    for skill, before in result.test.skills_before.items():
        after, val = result.test.skills_after[skill], result.val.skills_before.get(skill)
        if before.n and after.n and val is not None and val.n:
            share = taught.get(skill, 0) / total if total else math.nan
            level = levels.get(skill, math.nan)
            gains.append(SkillGain(skill, 1 - val.mean, level, share, after.mean - before.mean))
    return gains


def correlate(
    runs: Sequence[Sequence[SkillGain]], quality: Quality, rng: np.random.Generator
) -> Interval | None:
    """Mean over runs of the rank correlation over skills of gain and quality.

    Within runs, since what is easy for one student is hard for another: means over students of
    other bases can fall along difficulty where gains rise along it in each. The 95 % interval is
    that of a bootstrap over skills, the same in all runs, and from ``FEWEST`` runs on over runs,
    too: runs of one student cannot tell how much depends on which skills a task happens to have.
    None where fewer than ``FEWEST`` skills are known in all runs that know any, or one side is
    constant in every run.
    """
    known = [{g.skill: g for g in run if not math.isnan(quality(g))} for run in runs]
    known = [own for own in known if own]
    skills = [s for s in known[0] if all(s in own for own in known)] if known else []
    if len(skills) < FEWEST:
        return None
    points = np.array([[(quality(own[s]), own[s].gain) for s in skills] for own in known])
    n_runs, n_skills = points.shape[:2]
    value = float(_mean_rho(points, np.full(n_runs, 1 / n_runs)))
    if math.isnan(value):
        return None
    drawn = rng.integers(n_skills, size=(_RESAMPLES, n_skills))
    enough = n_runs >= FEWEST
    # Every draw of skills meets every one of runs, since the ends lie far out (``percentiles``).
    weights = draw_weights(n_runs, rng) if enough else np.full((1, n_runs), 1 / n_runs)
    n = min(n_runs, n_skills) if enough else n_skills
    return percentiles(value, _mean_rho(points[:, drawn], weights.T), n)


def _mean_rho(points: FloatArray, weights: FloatArray) -> FloatArray:
    """The weighed mean over runs of the correlation of points; runs with a constant do not count.

    Args:
        points: shape (n_runs, ..., n_skills, 2).
        weights: shape (n_runs,) or (n_runs, n_weights), which the mean has as its last axis.
    """
    rhos = np.moveaxis(rank_correlation(points[..., 0], points[..., 1]), 0, -1)
    known = ~np.isnan(rhos)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = (np.where(known, rhos, 0) @ weights) / (known @ weights)
    return mean


def mean_gain(runs: Sequence[Sequence[SkillGain]], band: tuple[float, float]) -> Score | None:
    """Mean gain of the skills in a band of difficulty over runs; None if no run has such skills."""
    low, high = band
    own = [[g.gain for g in run if low <= g.difficulty < high] for run in runs]
    means = [fmean(gains) for gains in own if gains]
    return Score.of_repetitions(means) if means else None


def fifths_of(
    runs: Sequence[Sequence[SkillGain]], quality: Quality
) -> list[list[Sequence[SkillGain]]]:
    """The skills of each run in order of a quality, in five parts: each part in every run.

    By run, for the same reason as ``correlate``. A run in which fewer than five skills have the
    quality has no parts.
    """
    known = [[g for g in run if not math.isnan(quality(g))] for run in runs]
    ordered = [sorted(own, key=lambda g: (quality(g), g.skill)) for own in known if len(own) >= 5]
    cut = [[round(len(own) * part / 5) for part in range(6)] for own in ordered]
    return [
        [own[ends[part] : ends[part + 1]] for own, ends in zip(ordered, cut, strict=True)]
        for part in range(5)
        if ordered
    ]
