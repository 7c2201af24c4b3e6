"""Act by a rule whose coefficients are the action: a few numbers instead of one per cell.

Noise on the share of one cell in a hundred has no measurable effect, so a learner that explores
cell by cell gets no signal. Here it explores rules: the share of a cell is proportional to the
exponential of a weighted sum of its features, and the weights are the action.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

SCALE = 4.0
"""The largest weight. Features are in [-1, 1], so that each may make shares differ e^8-fold."""
MEASURED = ("accuracy", "uncertainty", "change", "change of the skill", "level")
"""The features of a cell."""


class Coefficients(gym.vector.VectorWrapper):
    """A wrapper of actions and observations for Skill-List's rows with array observations.

    The action is in [-1, 1]: a weight for each of ``MEASURED`` and, with names, one for each
    skill. The observation is in [-1, 1], too: the mean and standard deviation over cells of each of
    ``MEASURED``, the rest of each budget and, with names, each skill's accuracy and change.

    Args:
        env: with ``autoreset_mode="SameStep"``.
        names: whether skills are told apart. Without names, a policy can be taken to a student
            whose weak skills are others.
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
        """Begin episodes; no change of accuracy is known."""
        seen, infos = self.env.reset(**options)
        self._accuracy = np.asarray(seen["accuracy"], dtype=np.float64)
        return self._look(seen), infos

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Teach by the rule; a row that begins a new episode has no known change."""
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
        """Return observations, (K, n_numbers), and keep the cells' features for the next action."""
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
