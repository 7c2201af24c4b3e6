"""Rewards paid in another way: by a proxy, only every few steps, or less what is rejected."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teachgym.envs.base import base_of
from teachgym.rewards import Proxy
from teachgym.settings import NotNegative, check_value
from teachgym.types import Report


class ProxyReward(gym.Wrapper[Any, Any, Any, Any]):
    """Replaces the reward by ``reward_scale`` times a proxy, for comparison.

    What the student gains is still in the reports and in ``info["metrics"]``.

    Args:
        env: a stack of wrappers on a ``TeacherEnv``.
        proxy: see ``teachgym.rewards.PROXIES``.
    """

    def __init__(self, env: gym.Env[Any, Any], proxy: Proxy) -> None:
        super().__init__(env)
        self._base = base_of(env)
        self.proxy = proxy

    def step(self, action: Any) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        """Step, and pay by the proxy."""
        before = self._base.state.report
        observation, _, terminated, truncated, info = self.env.step(action)
        worth = float(self.proxy(before, self._base.state.report, info["data"]))
        return observation, self._base.rules.reward_scale * worth, terminated, truncated, info


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


class RejectionPenalty(gym.Wrapper[Any, Any, Any, Any]):
    """Subtracts ``penalty`` from the reward for each item in ``info["rejected"]``.

    It is due at once, even where stress pays the gain late. Rewards add up to the gain in
    accuracy only at 0.

    Args:
        env: an environment whose steps list what was rejected.
        penalty: in the reward's unit, finite and >= 0.

    Raises:
        ConfigError: for another penalty.
    """

    def __init__(self, env: gym.Env[Any, Any], penalty: float) -> None:
        super().__init__(env)
        check_value("rejection_penalty", penalty, NotNegative)
        self.penalty = float(penalty)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, and subtract the penalty for every rejected item."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        paid = float(reward) - self.penalty * len(info["rejected"])
        return observation, paid, terminated, truncated, info
