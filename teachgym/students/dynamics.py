"""How a simulated student learns and forgets: one closed-form step on a table of competences.

No text and no task in here, numpy only: ``learn`` is a pure function from competences and counts
of training examples to competences, so it can be fitted to the curves of a real student
(``teachgym.benchmarks.models.calibrate_simulated``) and tested against numbers derived by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.shown import in_short
from teachgym.students.profile import Profile

FloatArray = NDArray[np.float64]

MASTERED = 4.0
"""Competence that training leads towards; sigmoid(4) = 0.98 of the ceiling."""
LOST = -5.0
"""Competence that forgetting leads towards; sigmoid(-5) = 0.007 of the ceiling."""
UNIT = 1000.0
"""Examples in which rates, forgetting and noise are expressed."""


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
    saturation: float
    noise: float

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
            saturation=profile.saturation,
            noise=profile.noise,
        )


def accuracy(x: FloatArray, dynamics: Dynamics) -> FloatArray:
    """Chance of a right answer, ceiling * sigmoid(x); both of shape (..., S, L)."""
    chance: FloatArray = dynamics.ceiling / (1 + np.exp(-x))
    return chance


def learn(
    x: FloatArray,
    counts: FloatArray,
    dynamics: Dynamics,
    rng: np.random.Generator | None = None,
) -> FloatArray:
    """Competences after one training run on ``counts`` examples per cell.

    With N = all examples, p = ``accuracy(x)``, everything per cell (skill s, level l)::

        dose  = sum over s', l' of transfer[s, s'] * spread[l', l] * counts[s', l'] / 1000
        gate  = product over the prerequisites s' of s of p[s', l]
        up    = rate[s] * gate * dose ** saturation
        down  = forgetting[s] * max(N / 1000 - dose, 0)
        x'    = goal + (x - goal) * exp(-(up + down)),  goal = (up * 4 - down * 5) / (up + down)

    so examples pull a competence towards ``MASTERED``, examples of anything else towards
    ``LOST``, and the closer it is the slower it gets there: diminishing returns. x' is the exact
    solution, at t = 1, of dx/dt = up * (MASTERED - x) + down * (LOST - x). With ``rng``, every
    cell whose skill can be learned also moves by noise * sqrt(N / 1000) * a normal variate, the
    luck of a training run.

    The formula is the project's own; prerequisites, ceilings, forgetting and unlearnable skills
    as properties of a simulated student are common to the literature on curricula.

    Args:
        x: competences before, shape (..., S, L).
        counts: examples, >= 0, shape (..., S, L).
        dynamics: the student's character.
        rng: None = no noise.

    Returns:
        Competences of shape (..., S, L); ``x`` itself is left alone.
    """
    total = counts.sum(axis=(-2, -1), keepdims=True) / UNIT
    dose = dynamics.transfer @ (counts / UNIT) @ dynamics.spread
    gate = np.exp(dynamics.requires @ np.log(accuracy(x, dynamics)))
    up = dynamics.rate * gate * dose**dynamics.saturation
    down = dynamics.forgetting * np.maximum(total - dose, 0)
    speed = up + down
    goal = np.divide(up * MASTERED + down * LOST, speed, out=x.copy(), where=speed > 0)
    after: FloatArray = goal + (x - goal) * np.exp(-speed)
    if rng is not None:
        luck = dynamics.noise * np.sqrt(total) * rng.standard_normal(x.shape)
        after = after + luck * (dynamics.rate > 0)
    return after


def _interpolate(levels: Sequence[float], values: Sequence[float]) -> FloatArray:
    """``values``, given at evenly spaced difficulties from 0 to 1, at ``levels``."""
    return np.interp(levels, np.linspace(0, 1, len(values)), values)
