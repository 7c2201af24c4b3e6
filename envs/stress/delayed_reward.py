"""``DelayedReward``: pays the teacher only every few steps."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teachgym.envs.base import base_of
from teachgym.types import Report


class DelayedReward(gym.Wrapper[Any, Any, Any, Any]):
    """Pays the gain in validation accuracy of ``steps`` steps at once, and 0 in between.

    The end of the episode pays what is left. The gain is read off the learning curve, which a
    snapshot holds, so there is nothing of its own to save. The sum of rewards is that of an
    environment that pays ``accuracy_gain`` after each step.

    Args:
        env: a stack of wrappers on a ``TeacherEnv`` with ``reward="accuracy_gain"``.
        steps: from one payment to the next, >= 1.
    """

    def __init__(self, env: gym.Env[Any, Any], steps: int) -> None:
        super().__init__(env)
        self._base = base_of(env)
        self.steps = steps

    def step(self, action: Any) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        """Step, and pay if a payment is due."""
        observation, _, terminated, truncated, info = self.env.step(action)
        curve, made = self._base.state.curve, self._base.state.step
        due = terminated or truncated or made % self.steps == 0
        paid = (made - 1) // self.steps * self.steps
        gain = curve[made].mean - curve[paid].mean if due else 0.0
        reward = self._base.rules.reward_scale * gain
        return observation, reward, terminated, truncated, info
