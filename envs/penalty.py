"""``RejectionPenalty``: what is handed in and cannot be used costs the teacher something."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import gymnasium as gym

from teachgym.errors import ConfigError


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
        self.penalty = require_penalty(penalty)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, and pay less for every rejected item."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        paid = float(reward) - self.penalty * len(info["rejected"])
        return observation, paid, terminated, truncated, info


def require_penalty(penalty: Any) -> float:
    """The penalty; raises ``ConfigError`` unless it is a finite number >= 0."""
    is_number = isinstance(penalty, Real) and not isinstance(penalty, bool)
    if not is_number or not 0 <= penalty < math.inf:
        raise ConfigError(
            f"rejection_penalty is {penalty!r:.60}; it must be a finite number, 0 or more"
        )
    return float(penalty)


def penalised(env: gym.Env[Any, Any], settings: Mapping[str, Any]) -> gym.Env[Any, Any]:
    """``env`` with the penalty that an environment's settings ask for; 0 leaves it as it is."""
    penalty = settings.get("rejection_penalty", 0.0)
    return RejectionPenalty(env, penalty) if penalty else env
