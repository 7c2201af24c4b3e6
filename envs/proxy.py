"""``ProxyReward``: pays the teacher by a proxy instead of the student's improvement."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teachgym.envs.base import base_of
from teachgym.envs.config import EnvConfig
from teachgym.rewards import PROXIES, Proxy
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


def paid_by_proxy(env: gym.Env[Any, Any], config: EnvConfig) -> gym.Env[Any, Any]:
    """Wrap ``env`` to pay its configured proxy; without one, leave it unchanged."""
    return env if config.proxy is None else ProxyReward(env, PROXIES.make(config.proxy))
