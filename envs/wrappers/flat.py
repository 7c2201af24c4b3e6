"""Flat numbers in and out, for libraries that learn on vectors."""

from __future__ import annotations

from itertools import accumulate, pairwise, starmap
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.envs.base import base_of
from teachgym.envs.wrappers.numeric import NumericAction
from teachgym.envs.wrappers.observations import unit_box
from teachgym.errors import ConfigError


class FlatObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Observation wrapper: a dictionary of boxes as one vector in [0, 1], in the space's order.

    Shares are as they are; a count c becomes c / (c + ``half``), which grows with it and has no
    upper end: ``half`` examples are 0.5, three times as many 0.75.
    """

    def __init__(self, env: gym.Env[Any, Any], half: int) -> None:
        super().__init__(env)
        space = gym.spaces.flatten_space(env.observation_space)
        assert isinstance(space, gym.spaces.Box)
        self._is_count, self._half = space.high > 1, half
        self.observation_space = unit_box(*space.shape)

    def observation(self, observation: Any) -> NDArray[np.float32]:
        """The observation as a vector, shape (n_numbers,)."""
        flat = gym.spaces.flatten(self.env.observation_space, observation)
        numbers = np.asarray(flat, dtype=np.float64)
        scaled = np.where(self._is_count, numbers / (numbers + self._half), numbers)
        return scaled.astype(np.float32)


class FlatAction(NumericAction):
    """Action wrapper: one vector in [-1, 1] for a box, or for a dictionary of boxes and choices.

    Each number is mapped to the range of its entry: boxes linearly, discrete and binary entries
    by cutting [-1, 1] into equal parts, one per value. Unlike ``gymnasium.spaces.unflatten``,
    any vector in the space is a legal action, which policies that output real numbers need.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        space = env.action_space
        parts = dict(space.spaces) if isinstance(space, gym.spaces.Dict) else {"": space}
        for name, part in parts.items():
            if not isinstance(
                part, gym.spaces.Box | gym.spaces.MultiBinary | gym.spaces.MultiDiscrete
            ):
                what = f"action entry {name!r}" if name else "the action"
                raise ConfigError(
                    f"{what} is a {type(part).__name__}, which has no flat form; "
                    "use observation='arrays' or an environment with a numeric action space"
                )
        self._parts = parts
        ends = [0, *accumulate(map(_size, parts.values()))]
        self.places = dict(zip(parts, starmap(slice, pairwise(ends)), strict=True))
        """Name of an entry to its numbers in the vector."""
        self.action_space = gym.spaces.Box(-1, 1, (ends[-1],), dtype=np.float32)

    def action(self, action: NDArray[np.float32]) -> Any:
        """The action of the wrapped environment."""
        share = (action.astype(np.float64) + 1) / 2
        parts = self._parts.items()
        decoded = {name: _scale(part, share[self.places[name]]) for name, part in parts}
        return decoded.get("", decoded)


def _size(space: gym.Space[Any]) -> int:
    return int(np.prod(space.shape or ()))


def _scale(space: gym.Space[Any], share: NDArray[np.float64]) -> NDArray[Any]:
    """Numbers in [0, 1] to elements of ``space``."""
    share = share.reshape(space.shape or ())
    if isinstance(space, gym.spaces.Box):
        scaled: NDArray[Any] = space.low + share * (space.high - space.low)
    else:
        values = space.nvec if isinstance(space, gym.spaces.MultiDiscrete) else np.asarray(2)
        scaled = np.minimum(np.floor(share * values), values - 1)
    return scaled.astype(space.dtype)


def flatten(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Wrap ``env`` so that observations are in [0, 1] and actions in [-1, 1] or ``Discrete``.

    Counts are scaled by the examples of a step (``FlatObservation``).
    """
    seen = FlatObservation(env, base_of(env).examples_per_step)
    return seen if isinstance(env.action_space, gym.spaces.Discrete) else FlatAction(seen)
