"""Acting by a rule whose coefficients are the action: few numbers in place of one for each cell.

Noise on the share of one cell of a hundred changes nothing that can be measured, so a learner that
explores cell by cell hears no answer. Here it explores rules: shares are proportional to exp of a
weighted sum of what is known of each cell, and the weights are the action.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

SCALE = 4.0
"""The largest weight: what is known of cells is in [-1, 1], so shares differ up to e^8-fold."""
MEASURED = ("accuracy", "uncertainty", "change", "change of the skill", "level")
"""What is known of every cell."""


class Coefficients(gym.vector.VectorWrapper):
    """Action and observation wrapper of Skill-List's rows whose observations are arrays.

    The action is in [-1, 1]: a weight for each of ``MEASURED`` and, with names, one for each
    skill. The observation is in [-1, 1] too: mean and standard deviation over cells of each of
    ``MEASURED``, what is left of each currency and, with names, each skill's accuracy and change.

    Args:
        env: with ``autoreset_mode="SameStep"``.
        names: whether skills are told apart. Without, what is learned can be taken to a student of
            whom other skills are weak.
    """

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any], *, names: bool = True) -> None:
        super().__init__(env)
        self._names = names
        spaces: Any = env.single_observation_space
        skills, self._levels = spaces["accuracy"].shape
        named = skills if names else 0
        n_seen = 2 * len(MEASURED) + 2 * named + spaces["budget_left"].shape[0]
        self.single_action_space = _box(len(MEASURED) + named)
        self.single_observation_space = _box(n_seen)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._accuracy = np.zeros((self.num_envs, skills, self._levels))
        self._known = np.zeros((self.num_envs, len(MEASURED), skills, self._levels))

    def reset(self, **options: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin, with no change known."""
        seen, infos = self.env.reset(**options)
        self._accuracy = np.asarray(seen["accuracy"], dtype=np.float64)
        return self._look(seen), infos

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Teach by the rule; of a row that has begun anew no change is known."""
        weights = SCALE * np.asarray(actions, dtype=np.float64)
        by_rule = np.einsum("kf,kfsl->ksl", weights[:, : len(MEASURED)], self._known)
        if self._names:
            by_rule += weights[:, len(MEASURED) :, None]
        shares = np.exp(by_rule - by_rule.max(axis=(1, 2), keepdims=True))
        shares = shares / shares.sum(axis=(1, 2), keepdims=True)
        seen, rewards, ended, cut, infos = self.env.step(shares.astype(np.float32))
        over = np.flatnonzero(ended | cut)
        self._accuracy[over] = seen["accuracy"][over]
        return self._look(seen), rewards, ended, cut, infos

    def _look(self, seen: Any) -> NDArray[np.float32]:
        """What is shown, (K, n_numbers); keeps what is known of cells for the next action."""
        accuracy = np.asarray(seen["accuracy"], dtype=np.float64)  # (K, S, L)
        change = accuracy - self._accuracy
        of_skill = np.broadcast_to(change.mean(axis=2, keepdims=True), change.shape)
        level = np.broadcast_to(np.linspace(-1, 1, self._levels), change.shape)
        uncertainty = 4 * accuracy * (1 - accuracy)
        self._known = np.stack([accuracy, uncertainty, change, of_skill, level], axis=1)
        self._accuracy = accuracy
        flat = self._known.reshape(*self._known.shape[:2], -1)
        parts = [flat.mean(axis=2), flat.std(axis=2), seen["budget_left"]]
        if self._names:
            parts += [accuracy.mean(axis=2), change.mean(axis=2)]
        return np.concatenate(parts, axis=1).astype(np.float32)


def _box(size: int) -> gym.spaces.Box:
    return gym.spaces.Box(-1, 1, (size,), dtype=np.float32)
