"""A small task and small profiles for the tests of simulated students."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgym.students.dynamics import Dynamics
from teachgym.students.profile import Profile, SkillProfile
from teachgym.tasks.task import Task
from teachgym.types import Data, Example, FloatArray, Skill, Split

SKILLS = ("a", "b")
LEVELS = (0.0, 1.0)


class Words(Task):
    """A task of two skills at two levels with 50 items a cell and split."""

    name = "words"
    skills = (Skill("letters"), Skill("a", "letters"), Skill("b", "letters"))
    levels = LEVELS

    def examples(self, split: Split) -> Data:
        return tuple(
            Example(f"{split} {skill}{level}{i}", f"{skill}{i}", skill, difficulty=level)
            for skill in SKILLS
            for level in LEVELS
            for i in range(50)
        )

    def grade(self, example: Example, response: str) -> float:
        return float(response == example.target)


def profile_of(a: SkillProfile, b: SkillProfile, **shared: Any) -> Profile:
    return Profile({"a": a, "b": b}, **{"level_transfer": 0.0, "noise": 0.0, **shared})


def dynamics_of(a: SkillProfile, b: SkillProfile, **shared: Any) -> Dynamics:
    return Dynamics.of(profile_of(a, b, **shared), SKILLS, LEVELS)


PLAIN = SkillProfile(start=(0.0, 0.0), ceiling=(1.0, 1.0), rate=1.0, forgetting=0.0)


def cells(a0: float = 0, a1: float = 0, b0: float = 0, b1: float = 0) -> FloatArray:
    return np.array([[a0, a1], [b0, b1]], dtype=np.float64)
