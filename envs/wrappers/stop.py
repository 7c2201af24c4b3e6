"""``StopAction``: lets the teacher end the episode, in any action space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.actions import is_numeric, require_member
from teachgym.envs.base import base_of
from teachgym.spaces import PlanSpace, ReplySpace, WordSpace
from teachgym.types import Plan

STOP = gym.spaces.MultiBinary(1)
"""1 = this is the end."""


class StopSpace(gym.spaces.Dict):
    """A dictionary space with ``stop``, which may be missing in JSON."""

    def to_jsonable(self, sample_n: Iterable[Any]) -> dict[str, list[Any]]:
        """Plain JSON values; an action without ``stop`` continues."""
        return super().to_jsonable([self.whole(action) for action in sample_n])

    def whole(self, action: Any) -> Any:
        """An action with ``stop``, which is 0 where it was left out; what is no action stays.

        Words that were left out beside ``stop`` are None, as a step takes them.
        """
        if isinstance(action, Mapping) and "stop" in action:
            words = isinstance(self.spaces.get("action"), WordSpace)
            return {**({"action": None} if words else {}), **action}
        rest = {"action": action} if "action" in self.spaces else action
        return {**rest, "stop": np.zeros(1, np.int8)} if isinstance(rest, Mapping) else rest


def as_member(space: gym.Space[Any], action: Any, field: str = "action") -> Any:
    """An action that ``step`` takes as ``space`` has it; words stay as they are.

    Args:
        space: of the environment's actions.
        action: a numeric one may be a list, of another type of numbers, or without ``stop``.
        field: its name in messages.

    Raises:
        ActionError: for numbers that are not in the space.
    """
    whole = whole_action(space, action)
    return require_member(space, whole, field) if is_numeric(space) else whole


def whole_action(space: gym.Space[Any], action: Any) -> Any:
    """An action with ``stop`` where ``space`` has it, 0 if it was left out."""
    return space.whole(action) if isinstance(space, StopSpace) else action


class StopAction(gym.Wrapper[Any, Any, Any, Any]):
    """Action wrapper: a dictionary with ``stop`` beside the original action.

    The entries of a dictionary stay as they are; an action of any other space is the entry
    ``action``, and a ``Discrete`` one has one more value, the last, that ends. With ``stop`` 1 the
    rest is not read: nothing is ordered or trained, the step is worth 0 and is the last, with the
    stop reason ``teacher``. An action without ``stop``, such as one of the wrapped environment,
    goes on.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._base = base_of(env)
        inner = env.action_space
        self._last = int(inner.n) if isinstance(inner, gym.spaces.Discrete) else None
        if self._last is not None:
            self.action_space = gym.spaces.Discrete(self._last + 1)
            return
        self._merged = isinstance(inner, gym.spaces.Dict)
        entries = dict(inner.spaces) if isinstance(inner, gym.spaces.Dict) else {"action": inner}
        self.action_space = StopSpace({**entries, "stop": STOP})

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, or end the episode.

        Raises:
            ActionError: for a ``stop`` that is neither 0 nor 1; see also the wrapped environment.
        """
        rest = action
        if self._last is not None:
            rest = require_member(self.action_space, action)
            if rest == self._last:
                self._base.end()
                rest = 0
        elif isinstance(action, Mapping) and "stop" in action:
            if require_member(STOP, action["stop"], "stop")[0]:
                self._base.end()
                rest = nothing(self.env.action_space)
            elif self._merged:
                rest = {name: part for name, part in action.items() if name != "stop"}
            else:
                rest = action.get("action")
        observation, reward, terminated, truncated, info = self.env.step(rest)
        return observation, float(reward), terminated, truncated, info


def nothing(space: gym.Space[Any]) -> Any:
    """The empty action: zeros, or no orders."""
    if isinstance(space, gym.spaces.Dict):
        return {name: nothing(part) for name, part in space.spaces.items()}
    if isinstance(space, ReplySpace):
        return space.write(nothing(space.acts))
    if isinstance(space, PlanSpace):
        return Plan()
    return () if space.shape is None else np.zeros(space.shape, space.dtype)
