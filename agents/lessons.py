"""What a teacher knows of an Open-Ended environment besides its observations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from teachgym.protocols import Probes
from teachgym.spaces import DataSpace


@dataclass(frozen=True, slots=True)
class Lessons:
    """Names and sizes of an Open-Ended environment."""

    skills: tuple[str, ...]
    """Leaf skills that examples can carry."""
    per_step: int
    """The most examples of one step, >= 1."""
    probes: Probes | None = field(default=None, compare=False, repr=False)
    """What may be asked of the student; None where nothing can be."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Lessons:
        """Read them off an environment made like ``teachgym/OpenEnded-v0``."""
        space = env.action_space
        assert isinstance(space, DataSpace)
        return cls(space.skills, space.max_examples, env.get_wrapper_attr("probes"))
