"""A teacher of your own in twenty lines: teach the skills in the middle of their learning curve.

python examples/own_teacher.py
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

import teachgym  # noqa: F401
from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from teachgym.testing import check_teacher
from teachgym.types import Transition


class HalfwayTeacher:
    """Orders examples in proportion to p (1 - p): most where the student is right half the time."""

    name = "halfway"

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def act(self, observation: dict[str, Any]) -> Any:
        """The share of the step for each skill and level."""
        p = observation["accuracy"].astype(np.float64)
        interest = p * (1 - p) + 0.01
        return (interest / interest.sum()).astype(np.float32)

    def observe(self, transition: Transition) -> None:
        """Nothing to learn."""


env = gym.make("teachgym/SkillList-v0", student="simulated")
halfway = HalfwayTeacher()
check_teacher(halfway, env)
for teacher in (halfway, make_teacher("uniform", env)):
    gains = [run_episode(env, teacher, seed=seed).return_ for seed in range(5)]
    print(f"{teacher.name:8} mean return {np.mean(gains):.3f} over {len(gains)} seeds")
