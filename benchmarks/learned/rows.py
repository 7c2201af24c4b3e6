"""Adapt Gymnasium's vector environments to Stable-Baselines3."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from teachgym.errors import ConfigError


class GymnasiumVecEnv(VecEnv):
    """The rows of vector environments, each of which steps its own together.

    Stable-Baselines3 expects a row that has ended to show the first observation of its next
    episode. For truncated episodes it also asks for the last observation; here none is truncated.

    Args:
        parts: of equal spaces, whose observations are arrays, and of episodes that are never
            truncated, with ``autoreset_mode="SameStep"``.

    Raises:
        ConfigError: for another autoreset mode.
    """

    def __init__(self, *parts: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        for env in parts:
            mode = env.metadata.get("autoreset_mode")
            if mode != AutoresetMode.SAME_STEP:
                raise ConfigError(f"autoreset_mode is {mode}; make the rows with 'SameStep'")
        self.parts = parts
        self._ends = np.cumsum([env.num_envs for env in parts])
        first = parts[0]
        super().__init__(
            int(self._ends[-1]), first.single_observation_space, first.single_action_space
        )

    def reset(self) -> Any:
        """Reset with the seeds that ``seed`` was given, and return the first observations."""
        seeds, self._seeds = self._seeds, [None] * self.num_envs
        own = [
            env.reset(seed=seeds[end - env.num_envs : end])[0]  # type: ignore[arg-type] # Or None.
            for env, end in zip(self.parts, self._ends, strict=True)
        ]
        return np.concatenate(own)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = np.split(actions, self._ends[:-1])

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Return observations, rewards, whether each row has ended, and infos."""
        made = [env.step(own)[:4] for env, own in zip(self.parts, self._actions, strict=True)]
        seen, rewards, ended, cut = map(np.concatenate, zip(*made, strict=True))
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return seen, rewards.astype(np.float32), ended | cut, told

    def close(self) -> None:
        """Close the environments."""
        for env in self.parts:
            env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the first vector environment, once for each of the rows."""
        return [getattr(self.parts[0], attr_name) for _ in self._get_indices(indices)]

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
