"""What a teacher that writes may know of its environment besides observations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from teachgym.protocols import Meter, Probes
from teachgym.syllabus import Syllabus
from teachgym.types import Skill, leaf_skills, leaves_by_root


@dataclass(frozen=True, slots=True)
class Classroom:
    """The task without its held-out splits, who pays, and the size of a step."""

    syllabus: Syllabus
    meter: Meter
    """Calls are paid through it from the episode's budget."""
    per_step: int
    """The most examples of one step, >= 1."""
    levels: tuple[float, ...] = (0.0,)
    """Difficulties in [0, 1] that examples come in."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """What may be asked of the student; None where nothing can be."""

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
        """The leaf skills, which examples carry."""
        leaves = leaf_skills(self.syllabus.skills)
        return tuple(skill for skill in self.syllabus.skills if skill.name in leaves)

    @property
    def leaves(self) -> dict[str, tuple[str, ...]]:
        """Names of the leaf skills under each root."""
        return leaves_by_root(self.syllabus.skills)
