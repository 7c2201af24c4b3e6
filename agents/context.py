"""A teacher's knowledge of its environment besides observations; a class for each kind.

In a Skill-List environment a *cell* is a skill at a level; every array over cells has shape
(n_skills, n_levels). The observation's convention is that a cell with ``n = 0`` was not measured
and shows accuracy 0: the functions here never mistake that 0 for a bad student.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.apportion import divide_evenly
from teachgym.protocols import Meter, Probes
from teachgym.settings import Share, check_value
from teachgym.spaces import DataSpace, acting_space
from teachgym.syllabus import Syllabus
from teachgym.types import Obs, Order, Plan, Scores, Skill, leaf_skills, leaves_by_root

Unit = Literal["skill", "cell"]
"""A skill with all its levels, or a skill at one level."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Names and sizes of a Skill-List environment: all that a teacher may know in advance."""

    skills: tuple[str, ...]
    """Skill names in the order of the rows."""
    levels: tuple[float, ...]
    """Difficulties in [0, 1] in the order of the columns."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """Questions that may be put to the student; None where none can be."""

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


def pool_levels(observation: Obs) -> Scores:
    """Accuracy per skill, shape (n_skills,), over all its measured predictions.

    The mean of the levels weighted by n, so its error is sqrt(sum of (n stderr)^2) / sum of n:
    with three levels of ten items each about 0.6 of a single cell's.
    """
    accuracy, stderr, n = (
        np.asarray(observation[key], dtype=np.float64) for key in ("accuracy", "stderr", "n")
    )
    total = n.sum(axis=1)
    divisor = np.maximum(total, 1)
    return Scores(
        total,
        (accuracy * n).sum(axis=1) / divisor,
        np.sqrt(((stderr * n) ** 2).sum(axis=1)) / divisor,
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
    """Accuracy of each cell's ``unit``, (n_skills, n_levels); nan if it was not measured.

    ``cell``: its own; ``skill``: that of its skill, pooled over levels and so the same in a row.
    """
    if unit == "cell":
        accuracy = np.asarray(observation["accuracy"], dtype=np.float64)
        return np.where(np.asarray(observation["n"]) > 0, accuracy, np.nan)
    pooled = pool_levels(observation)
    by_skill = np.where(pooled.n > 0, pooled.mean, np.nan)
    return np.repeat(by_skill[:, np.newaxis], np.shape(observation["n"])[1], axis=1)


@dataclass(frozen=True, slots=True)
class Branches:
    """Names and sizes of a Skill-Tree environment."""

    roots: tuple[str, ...]
    """Root skill names in the order of the rows."""
    max_subskills: int
    """The most subskills a root can have, >= 1."""
    per_step: int
    """The most examples of one step, >= 1."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """Questions that may be put to the student; None where none can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Branches:
        """Read them off an environment made like ``teachgym/SkillTree-v0``."""
        space = env.action_space
        assert isinstance(space, gym.spaces.Dict)
        allocation = space["allocation"]
        assert isinstance(allocation, gym.spaces.Box)
        return cls(
            roots=tuple(env.get_wrapper_attr("roots")),
            max_subskills=allocation.shape[1],
            per_step=int(env.get_wrapper_attr("examples_per_step")),
            probes=env.get_wrapper_attr("probes"),
        )

    @property
    def per_root(self) -> float:
        """Examples of one step for one root when all roots get the same."""
        return self.per_step / len(self.roots)


@dataclass(frozen=True, slots=True)
class Lessons:
    """Names and sizes of an Open-Ended environment."""

    skills: tuple[str, ...]
    """Leaf skills that examples can carry."""
    per_step: int
    """The most examples of one step, >= 1."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """Questions that may be put to the student; None where none can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Lessons:
        """Read them off an environment made like ``teachgym/OpenEnded-v0``."""
        space = acting_space(env)
        assert isinstance(space, DataSpace)
        return cls(space.skills, space.max_examples, env.get_wrapper_attr("probes"))


@dataclass(frozen=True, slots=True)
class Classroom:
    """The task without its held-out splits, the meter for costs, and the size of a step."""

    syllabus: Syllabus
    meter: Meter
    """Calls are paid through it from the episode's budget."""
    per_step: int
    """The most examples of one step, >= 1."""
    levels: tuple[float, ...] = (0.0,)
    """Difficulties in [0, 1] that examples come in."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """Questions that may be put to the student; None where none can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Classroom:
        """Read it off an environment of any of the three kinds."""
        return cls(
            syllabus=env.get_wrapper_attr("syllabus"),
            meter=env.get_wrapper_attr("meter"),
            per_step=int(env.get_wrapper_attr("examples_per_step")),
            levels=tuple(env.get_wrapper_attr("levels")),
            probes=env.get_wrapper_attr("probes"),
        )

    @property
    def skills(self) -> tuple[Skill, ...]:
        """The leaf skills, to which examples belong."""
        leaves = leaf_skills(self.syllabus.skills)
        return tuple(skill for skill in self.syllabus.skills if skill.name in leaves)

    @property
    def leaves(self) -> dict[str, tuple[str, ...]]:
        """Names of the leaf skills under each root."""
        return leaves_by_root(self.syllabus.skills)

    def order_evenly(self, count: int, rng: np.random.Generator, engine: str = "") -> Plan:
        """Orders for ``count`` examples from an engine, in equal parts for the leaf skills.

        Chance says which skills get one more where they cannot be equal.
        """
        counts = divide_evenly(count, len(self.skills), rng).tolist()
        pairs = zip(self.skills, counts, strict=True)
        return Plan(tuple(Order(skill.name, n, engine=engine) for skill, n in pairs if n))
