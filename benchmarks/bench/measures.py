"""Measures of a run besides its final accuracy: pure functions of curves and counts.

They are of single runs, to be averaged over seeds; the two that need another arm's runs say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from teachgym.metrics import area_under_curve
from teachgym.runs.result import RunResult
from teachgym.types import Score

Curves = Mapping[str, Sequence[float]]
"""Accuracy on ``val`` by skill, untrained and after each step, shape (n_steps + 1,) each."""


def backward_transfer(curves: Curves, taught: Mapping[str, Sequence[int]]) -> float:
    """Mean change of skills after they were last taught; nan without such skills.

    The mean of R[T, i] - R[t_i, i] over skills i, with R[t, i] the accuracy of skill i after step
    t, T the last step and t_i < T the last one with an example of i (Lopez-Paz and Ranzato 2017,
    arXiv 1706.08840, equation 3). There each task is taught once, in one step; here a skill may be
    taught in many, and one that is taught to the end does not count.

    Example:
        >>> backward_transfer({"a": [0.0, 0.5, 0.25]}, {"a": [9, 0]})
        -0.25
    """
    changes = []
    for skill, counts in taught.items():
        last = max((step for step, n in enumerate(counts, 1) if n), default=0)
        if skill in curves and 0 < last < len(counts):
            changes.append(curves[skill][-1] - curves[skill][last])
    return fmean(changes) if changes else math.nan


def forgetting(curves: Curves) -> float:
    """The loss of skills since they were best, mean over skills, >= 0; nan without skills.

    The mean of max over t <= T of R[t, i] - R[T, i] (Chaudhry et al. 2018, arXiv 1801.10112,
    definition 1). There the maximum leaves out the last step, so that it may be below 0. A maximum
    of measured accuracies is too high by chance: compare it between arms only.

    Example:
        >>> forgetting({"a": [0.0, 0.5, 0.25], "b": [0.0, 0.0, 1.0]})
        0.125
    """
    losses = [max(curve) - curve[-1] for curve in curves.values()]
    return fmean(losses) if losses else math.nan


def worst_skill(scores: Mapping[str, Score]) -> float:
    """The lowest accuracy of any skill; nan if none is measured.

    A minimum of measured accuracies is too low by chance: compare it between arms only.

    Example:
        >>> worst_skill({"a": Score(4, 0.5, 0.25), "b": Score(4, 0.25, 0.2), "c": Score.nothing()})
        0.25
    """
    return min((s.mean for s in scores.values() if s.n), default=math.nan)


def worst_change(before: Mapping[str, Score], after: Mapping[str, Score]) -> float:
    """The lowest change of any skill's accuracy; nan if none is measured. As ``worst_skill``."""
    changes = [after[skill].mean - s.mean for skill, s in before.items() if s.n and after[skill].n]
    return min(changes, default=math.nan)


def held_out_gain(
    before: Mapping[str, Score], after: Mapping[str, Score], known: Mapping[str, Score]
) -> float:
    """Mean gain on what is measured on ``test`` and not ``known`` on ``val``; nan without it.

    Args:
        before: scores of the untrained student on ``test``, by skill or by level.
        after: those of the best student.
        known: scores on ``val``, by the same names.
    """
    gains = [
        after[name].mean - score.mean
        for name, score in before.items()
        if name not in known and score.n and after[name].n
    ]
    return fmean(gains) if gains else math.nan


def time_to(curve: Sequence[float], examples: Sequence[int], threshold: float) -> float:
    """Examples spent until ``val`` first reaches a threshold; inf if it never does.

    Args:
        curve: accuracy on ``val``, untrained and after each step, shape (n_steps + 1,).
        examples: trained on in each step, shape (n_steps,).
        threshold: an accuracy.

    Example:
        >>> time_to([0.1, 0.2, 0.4], [50, 40], 0.3), time_to([0.1, 0.2, 0.4], [50, 40], 0.5)
        (90.0, inf)
    """
    spent = accumulate(examples, initial=0)
    reached = (n for n, height in zip(spent, curve, strict=True) if height >= threshold)
    return float(next(reached, math.inf))


def restricted_mean(times: Sequence[float], horizon: float) -> Score:
    """Mean time to an event up to a horizon: what is not reached by then counts as the horizon.

    The restricted mean survival time (Royston and Parmar 2013, BMC Medical Research Methodology
    13:152), where all are watched to the horizon, so that nothing is estimated of the others. A run
    that ends early has no more to come, so it is watched to the end too. Leaving out those that
    never reached it would flatter the arms that seldom do.

    Example:
        >>> restricted_mean([100.0, math.inf], 300.0).mean
        200.0
    """
    return Score.of_repetitions([min(time, horizon) for time in times])


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of a run that need no other; nan = there is nothing to measure."""

    area: float = math.nan
    """Area under the curve of ``val`` (``metrics.area_under_curve``)."""
    backward_transfer: float = math.nan
    forgetting: float = math.nan
    worst_skill: float = math.nan
    """On test."""
    worst_change: float = math.nan
    """On test."""
    held_out_skills: float = math.nan
    """See ``held_out_gain``."""
    held_out_levels: float = math.nan

    @classmethod
    def of(cls, run: RunResult) -> Measures:
        """The measures of a finished run."""
        test, val = run.test, run.val
        return cls(
            area_under_curve([point.mean for point in run.curve]),
            backward_transfer(run.skill_curves, run.taught),
            forgetting(run.skill_curves),
            worst_skill(test.skills_after),
            worst_change(test.skills_before, test.skills_after),
            held_out_gain(test.skills_before, test.skills_after, val.skills_before),
            held_out_gain(test.levels_before, test.levels_after, val.levels_before),
        )


def examples_by_step(run: RunResult) -> list[int]:
    """Examples that a run trained on in each step, shape (steps,)."""
    return [sum(counts[step] for counts in run.taught.values()) for step in range(run.steps)]
