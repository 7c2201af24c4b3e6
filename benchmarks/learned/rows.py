"""Adapt Gymnasium's vector environments to Stable-Baselines3."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from teachgym.errors import ConfigError


class GymnasiumVecEnv(VecEnv):
    """The rows of one vector environment, which steps them together.

    Stable-Baselines3 expects a row that has ended to show the first observation of its next
    episode. For truncated episodes it also asks for the last observation; here none is truncated.

    Args:
        env: of episodes that are never truncated, with ``autoreset_mode="SameStep"``.

    Raises:
        ConfigError: for another autoreset mode.
    """

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ConfigError(f"autoreset_mode is {mode}; make the rows with 'SameStep'")
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Reset with the seeds that ``seed`` was given, and return the first observations."""
        seed, self._seeds = self._seeds, [None] * self.num_envs
        return self.env.reset(seed=list(seed))[0]  # type: ignore[arg-type] # They may be None.

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Return observations, rewards, whether each row has ended, and infos."""
        seen, rewards, ended, cut, _ = self.env.step(self._actions)
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return seen, rewards.astype(np.float32), ended | cut, told

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the vector environment, once for each of the rows."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: rows have no attributes of their own."""
        raise ConfigError(f"{attr_name} cannot be set: rows that step together share everything")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: rows have no methods of their own."""
        raise ConfigError(f"{method_name} cannot be called: rows that step together share all")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for each row."""
        return [False for _ in self._get_indices(indices)]
