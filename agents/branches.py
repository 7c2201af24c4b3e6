"""What a teacher knows of a Skill-Tree environment besides its observations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from teachgym.protocols import Probes


@dataclass(frozen=True, slots=True)
class Branches:
    """Names and sizes of a Skill-Tree environment."""

    roots: tuple[str, ...]
    """Root skill names in the order of the rows."""
    slots: int
    """The most subskills a root can have, >= 1."""
    per_step: int
    """The most examples of one step, >= 1."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """What may be asked of the student; None where nothing can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Branches:
        """Read them off an environment made like ``teachgym/SkillTree-v0``."""
        space = env.action_space
        assert isinstance(space, gym.spaces.Dict)
        allocation = space["allocation"]
        assert isinstance(allocation, gym.spaces.Box)
        return cls(
            roots=tuple(env.get_wrapper_attr("roots")),
            slots=allocation.shape[1],
            per_step=int(env.get_wrapper_attr("examples_per_step")),
            probes=env.get_wrapper_attr("probes"),
        )

    @property
    def per_root(self) -> float:
        """Examples of one step for one root when all roots get the same."""
        return self.per_step / len(self.roots)
