"""``RejectionPenalty``: a cost for items of an action that cannot be used."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teachgym.envs.config import EnvConfig
from teachgym.settings import NotNegative, check_value


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


def penalised(env: gym.Env[Any, Any], config: EnvConfig) -> gym.Env[Any, Any]:
    """Wrap ``env`` with its configured penalty; 0 leaves it unchanged."""
    penalty = config.rejection_penalty
    return RejectionPenalty(env, penalty) if penalty else env
