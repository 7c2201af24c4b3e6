"""What a teacher knows of a Skill-List environment, and the few sums all its teachers need.

A *cell* is a skill at a level; every array over cells has shape (n_skills, n_levels). The
observation's convention is that a cell with ``n = 0`` was not measured and shows accuracy 0:
the functions here never mistake that 0 for a bad student.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.protocols import Probes
from teachgym.settings import Share, check_value
from teachgym.types import Obs

Unit = Literal["skill", "cell"]
"""A skill with all its levels, or a skill at one level."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Names and sizes of a Skill-List environment; all a teacher may know besides observations."""

    skills: tuple[str, ...]
    """Skill names in the order of the rows."""
    levels: tuple[float, ...]
    """Difficulties in [0, 1] in the order of the columns."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """What may be asked of the student; None where nothing can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Cells:
        """Read them off an environment made like ``teachgym/SkillList-v0``."""
        skills, levels = env.get_wrapper_attr("skills"), env.get_wrapper_attr("levels")
        return cls(tuple(skills), tuple(levels), env.get_wrapper_attr("probes"))

    @property
    def shape(self) -> tuple[int, int]:
        """(n_skills, n_levels)."""
        return len(self.skills), len(self.levels)

    def spend(
        self, weights: NDArray[np.floating[Any]], *, exploration: float = 0.0
    ) -> NDArray[np.float32]:
        """The action that divides a whole step among the cells: shares that sum to 1.

        Args:
            weights: finite and >= 0, of shape (n_skills, n_levels) or one that broadcasts to it,
                such as (n_skills, 1) for equal levels; weights that are all 0 count as equal.
            exploration: in [0, 1]; this share of the step is divided equally among all cells.

        Example:
            >>> cells = Cells(("add", "sort"), (0.0, 1.0))
            >>> cells.spend(np.array([[3.0], [1.0]]), exploration=0.5).tolist()
            [[0.3125, 0.3125], [0.1875, 0.1875]]
        """
        check_value("exploration", exploration, Share)
        spread = np.broadcast_to(np.asarray(weights, dtype=np.float64), self.shape)
        total = spread.sum()
        equal = np.full(self.shape, 1 / spread.size)
        focus = spread / total if total > 0 else equal
        shares = (1 - exploration) * focus + exploration * equal
        return shares.astype(np.float32)


class SkillScores(NamedTuple):
    """Scores of skills over all levels; three arrays of shape (n_skills,)."""

    accuracy: NDArray[np.float64]
    """In [0, 1]; 0 where n is 0."""
    stderr: NDArray[np.float64]
    n: NDArray[np.float64]
    """Measured predictions."""


def pool_levels(observation: Obs) -> SkillScores:
    """Accuracy per skill over all its measured predictions, with its standard error.

    The mean of the levels weighted by n, so its error is sqrt(sum of (n stderr)^2) / sum of n:
    with three levels of ten items each about 0.6 of a single cell's.
    """
    accuracy, stderr, n = (
        np.asarray(observation[key], dtype=np.float64) for key in ("accuracy", "stderr", "n")
    )
    total = n.sum(axis=1)
    divisor = np.maximum(total, 1)
    return SkillScores(
        (accuracy * n).sum(axis=1) / divisor,
        np.sqrt(((stderr * n) ** 2).sum(axis=1)) / divisor,
        total,
    )


def fill_unmeasured(observation: Obs) -> NDArray[np.float64]:
    """Accuracy per cell, (n_skills, n_levels); cells with n = 0 get the mean of the measured ones.

    0 everywhere when nothing was measured.
    """
    accuracy = np.asarray(observation["accuracy"], dtype=np.float64)
    measured = np.asarray(observation["n"]) > 0
    mean = accuracy[measured].mean() if measured.any() else 0.0
    return np.where(measured, accuracy, mean)


def accuracy_of(unit: Unit, observation: Obs) -> NDArray[np.float64]:
    """Accuracy of each cell's ``unit``, (n_skills, n_levels); nan where that was not measured.

    ``cell``: its own; ``skill``: that of its skill, pooled over levels and so the same in a row.
    """
    if unit == "cell":
        accuracy = np.asarray(observation["accuracy"], dtype=np.float64)
        return np.where(np.asarray(observation["n"]) > 0, accuracy, np.nan)
    pooled = pool_levels(observation)
    by_skill = np.where(pooled.n > 0, pooled.accuracy, np.nan)
    return np.repeat(by_skill[:, np.newaxis], np.shape(observation["n"])[1], axis=1)
