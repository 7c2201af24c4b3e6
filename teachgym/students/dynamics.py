"""Learning and forgetting of a simulated student: the flow of a differential equation in examples.

No text and no task in here, numpy only: ``learn`` is a pure function from competences and counts
of training examples to competences, so it can be fitted to the curves of a real student
(``teachgym.benchmarks.models.calibrate_simulated``) and tested against numbers derived by hand.
Competence is the whole state: nothing else is carried from one training run to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from teachgym.shown import in_short
from teachgym.students.profile import Profile
from teachgym.types import FloatArray

MASTERED = 4.0
"""Competence that training leads towards; sigmoid(4) = 0.98 of the ceiling."""
LOST = -5.0
"""Competence that forgetting leads towards; sigmoid(-5) = 0.007 of the ceiling."""
UNIT = 1000.0
"""Examples in which rates, forgetting and noise are expressed."""
STAGES = 4
"""Parts of a training run between which the prerequisites are looked at again."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """A profile as arrays for S skills and L levels."""

    start: FloatArray
    """Competence of the untrained student, (S, L)."""
    ceiling: FloatArray
    """Highest accuracy, (S, L)."""
    rate: FloatArray
    """Speed of learning, (S, 1)."""
    forgetting: FloatArray
    """Speed of forgetting, (S, 1)."""
    requires: FloatArray
    """1 where the column is a prerequisite of the row, (S, S)."""
    transfer: FloatArray
    """Worth for the row of an example of the column, (S, S); 1 on the diagonal."""
    spread: FloatArray
    """Worth for the column of an example of the row, (L, L); 1 on the diagonal."""
    rehearsal: float
    """Examples of anything else that one of a skill's own keeps from making it forgotten."""
    noise: float
    """Standard deviation of the competence after 1000 examples."""

    __repr__ = in_short

    @classmethod
    def of(cls, profile: Profile, skills: Sequence[str], levels: Sequence[float]) -> Dynamics:
        """The profile of ``skills`` at ``levels``, numbers between its own levels interpolated.

        Skills the profile does not know get its default; links to skills that are not among
        ``skills`` are left out.
        """
        known = [profile.skills.get(skill, profile.default) for skill in skills]
        distance = np.abs(np.subtract.outer(range(len(levels)), range(len(levels))))
        return cls(
            start=np.array([_interpolate(levels, skill.start) for skill in known]),
            ceiling=np.array([_interpolate(levels, skill.ceiling) for skill in known]),
            rate=np.array([[skill.rate] for skill in known]),
            forgetting=np.array([[skill.forgetting] for skill in known]),
            requires=np.array(
                [[float(s in skill.prerequisites) for s in skills] for skill in known]
            ),
            transfer=np.array([[skill.transfer.get(s, 0.0) for s in skills] for skill in known])
            + np.eye(len(skills)),
            spread=profile.level_transfer**distance,
            rehearsal=profile.rehearsal,
            noise=profile.noise,
        )


def accuracy(x: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Probability of a right answer, ceiling * sigmoid(x); both of shape (..., S, L)."""
    chance: FloatArray = dynamics.ceiling / (1 + np.exp(-x))
    return chance


def learn(
    x: FloatArray, counts: FloatArray, dynamics: Dynamics, luck: FloatArray | None = None
) -> FloatArray:
    """Competences after one training run on ``counts`` examples per cell.

    While t goes from 0 to 1, in every cell (skill s, level l)::

        dx = (up * (MASTERED - x) + down * (LOST - x)) dt + noise * sqrt(total) dW

        total = all examples / 1000
        dose  = sum over s', l' of transfer[s, s'] * spread[l', l] * counts[s', l'] / 1000
        up    = rate[s] * dose * product over the prerequisites s' of s of accuracy(x[s', l])
        down  = forgetting[s] * max(total - rehearsal * dose, 0)

    so examples pull a competence towards ``MASTERED``, examples of anything else towards
    ``LOST``, and the closer it is the slower it gets there. A few of its own among them keep a
    skill (``rehearsal``). ``total``, ``dose`` and ``luck`` have no unit, rates and forgetting are
    per 1000 examples, x and noise are logits.

    Returns saturate on everything that was ever taught, not on a run: up and down are
    proportional to the examples, and x is all that is carried on. So a total of one mix, cut into
    any number of runs, gives the same competences, and the same variance of each: exactly where
    the prerequisites' accuracy is constant, else but for the error of integration, which
    ``STAGES`` midpoint steps keep below 0.01 of accuracy in runs of 1000 examples, and ten times
    less in runs of 250. What changes the
    outcome is the order of different mixes: what is taught last is forgotten least, and what is
    built on must come first.

    The equation is the project's own; prerequisites, ceilings, forgetting and unlearnable skills
    as properties of a simulated student are common to the literature on curricula.

    Args:
        x: competences before, shape (..., S, L).
        counts: examples, >= 0, shape (..., S, L).
        dynamics: the student's character.
        luck: standard normal, shape (..., S, L), by which a cell whose skill can be learned
            deviates from what is expected of it; None = it does not.

    Returns:
        Competences of shape (..., S, L); ``x`` itself is left alone.
    """
    after, speed = flow(x, counts, dynamics)
    if luck is None:
        return after
    total = counts.sum(axis=(-2, -1), keepdims=True) / UNIT
    deviation = dynamics.noise * np.sqrt(total * undone(speed)) * (dynamics.rate > 0)
    lucky: FloatArray = after + deviation * luck
    return lucky


def flow(x: FloatArray, counts: FloatArray, dynamics: Dynamics) -> tuple[FloatArray, FloatArray]:
    """The expected change by a training run, and the ``speed`` at which luck is undone in it.

    The mean of x, and the integral of up + down, both of shape (..., S, L); see ``learn``. Each
    of ``STAGES`` equal parts of the run is solved exactly, for the prerequisites in its middle.
    """
    up, down = pull(counts, dynamics)
    if not dynamics.requires.any():
        return _approach(x, up, down), up + down
    speed = np.zeros_like(up)
    for _ in range(STAGES):
        stage = advance(x, up, down, dynamics)
        x, speed = stage.after, speed + (up * stage.later + down) / STAGES
    return x, speed


def pull(counts: FloatArray, dynamics: Dynamics) -> tuple[FloatArray, FloatArray]:
    """``up`` before its prerequisites and ``down`` of a run on ``counts``; see ``learn``."""
    total = counts.sum(axis=(-2, -1), keepdims=True) / UNIT
    dose = dynamics.transfer @ (counts / UNIT) @ dynamics.spread
    down = dynamics.forgetting * np.maximum(total - dynamics.rehearsal * dose, 0)
    return dynamics.rate * dose, down


class Stage(NamedTuple):
    """One of ``STAGES`` equal parts of a run, each of shape (..., S, L)."""

    before: FloatArray
    """Competences."""
    gate: FloatArray
    """The gate of the prerequisites at the beginning."""
    middle: FloatArray
    """Competences that ``gate`` leads to by the middle."""
    later: FloatArray
    """The gate there, which the whole stage is solved with."""
    after: FloatArray
    """Competences."""


def advance(x: FloatArray, up: FloatArray, down: FloatArray, dynamics: Dynamics) -> Stage:
    """Advance by the midpoint rule, exact for prerequisites that stand still."""
    gate = _gate(x, dynamics)
    middle = _approach(x, up * gate / (2 * STAGES), down / (2 * STAGES))
    later = _gate(middle, dynamics)
    return Stage(x, gate, middle, later, _approach(x, up * later / STAGES, down / STAGES))


def undone(speed: FloatArray) -> FloatArray:
    """The share of the variance of a run's luck that remains after it, (1 - e^-2s) / 2s.

    From the Ornstein-Uhlenbeck process: what came early in the run is pulled back by its rest.
    """
    twice = 2 * speed
    share: FloatArray = np.divide(
        -np.expm1(-twice), twice, out=np.ones_like(twice), where=twice > 0
    )
    return share


def _approach(x: FloatArray, up: FloatArray, down: FloatArray) -> FloatArray:
    """X after dx/dt = up * (MASTERED - x) + down * (LOST - x) for a time of 1."""
    speed = up + down
    goal = np.divide(up * MASTERED + down * LOST, speed, out=x.copy(), where=speed > 0)
    after: FloatArray = goal + (x - goal) * np.exp(-speed)
    return after


def _gate(x: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Product of the accuracies of each skill's prerequisites at each level, (..., S, L)."""
    gate: FloatArray = np.exp(dynamics.requires @ np.log(accuracy(x, dynamics)))
    return gate


def _interpolate(levels: Sequence[float], values: Sequence[float]) -> FloatArray:
    """``values``, given at evenly spaced difficulties from 0 to 1, at ``levels``."""
    return np.interp(levels, np.linspace(0, 1, len(values)), values)
