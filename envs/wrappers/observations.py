"""The evaluation report as arrays for numeric teachers."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from teachgym.envs.base import base_of
from teachgym.metrics import by_cell
from teachgym.types import CURRENCIES, Obs, Report, Scores

MOST = 1e9
"""An upper bound of every count; boxes without one do not sample well."""


def unit_box(*shape: int) -> gym.spaces.Box:
    """A box of float32 numbers in [0, 1]."""
    return gym.spaces.Box(0, 1, shape, dtype=np.float32)


def count_box(*shape: int) -> gym.spaces.Box:
    """A box of float32 counts in [0, MOST]."""
    return gym.spaces.Box(0, MOST, shape, dtype=np.float32)


def score_arrays(scores: Scores, prefix: str = "") -> dict[str, Any]:
    """Accuracy, n and stderr of ``scores`` as float32 arrays under the observation's names."""
    return {
        f"{prefix}accuracy": scores.mean.astype(np.float32),
        f"{prefix}n": scores.n.astype(np.float32),
        f"{prefix}stderr": scores.stderr.astype(np.float32),
    }


class ArrayObservation(gym.ObservationWrapper[Obs, Any, Any]):
    """Observation wrapper: arrays in place of a report, so that its items are not visible."""

    def step(self, action: Any) -> tuple[Obs, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, and remove the report of the aided evaluation, which shows the same items."""
        observation, reward, terminated, truncated, info = super().step(action)
        seen = {k: v for k, v in info.items() if k != "aided"}
        return observation, reward, terminated, truncated, seen


class SkillObservation(ArrayObservation):
    """Observation wrapper: accuracy, n and standard error per skill and level, and the budget.

    Where n is 0 nothing was measured, and accuracy and stderr are 0 by convention.
    """

    def __init__(self, env: gym.Env[Report, Any]) -> None:
        super().__init__(env)
        base = base_of(env)
        self._base = base
        self.skills, self.levels = base.skills, base.levels
        shape = (len(self.skills), len(self.levels))
        self.observation_space = gym.spaces.Dict(
            {
                "accuracy": unit_box(*shape),
                "n": count_box(*shape),
                "stderr": unit_box(*shape),
                "budget_left": unit_box(len(CURRENCIES)),
            }
        )

    def observation(self, observation: Report) -> Obs:
        """Arrays of shape (n_skills, n_levels) and ``budget_left`` of shape (n_currencies,)."""
        scores = by_cell(observation, self.skills, self.levels)
        return {**score_arrays(scores), "budget_left": self._base.budget_left}
