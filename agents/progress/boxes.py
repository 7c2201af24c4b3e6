"""Teaching in a continuous box of task parameters: the protocol, and nearest-task rewards.

The algorithms behind the seam (``riac``, ``alp_gmm``, ``covar_gmm``) know nothing of skills and
environments. Their box is [0, side] in each dimension, in the caller's units; distances are
Euclidean in these units, so the sides say which differences count.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError

Point: TypeAlias = NDArray[np.float64]
"""Task parameters, shape (n_dims,)."""


class BoxSampler(Protocol):
    """Proposes tasks and learns from the student's reward on them."""

    def sample(self) -> Point:
        """The next task to train on, in the box."""

    def begin(self, point: Point, reward: float) -> None:
        """Note the reward on a task before any training on it, which is no task done.

        Algorithms that compare no task with an earlier one leave it at that.
        """
        return

    def update(self, point: Point, reward: float) -> None:
        """Learn from the student's reward on a task, any time after training on it."""


def check_sides(sides: NDArray[np.floating[Any]] | list[float]) -> Point:
    """The side lengths as an array of shape (n_dims,); each must be finite and above 0."""
    array = np.asarray(sides, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not (np.isfinite(array) & (array > 0)).all():
        raise ConfigError(f"sides is {sides!r}; give one number above 0 per dimension")
    return array


class NearestReward:
    """The reward of the closest earlier task; among equally close ones, of the latest."""

    def __init__(self, n_dims: int) -> None:
        self._points = np.empty((64, n_dims))
        self._rewards = np.empty(64)
        self.count = 0

    def add(self, point: Point, reward: float) -> None:
        """Remember a task."""
        if self.count == len(self._rewards):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
            self._rewards = np.concatenate([self._rewards, np.empty_like(self._rewards)])
        self._points[self.count] = point
        self._rewards[self.count] = reward
        self.count += 1

    def find(self, point: Point) -> float:
        """Return the reward; at least one task must have been added."""
        distances = ((self._points[: self.count] - point) ** 2).sum(axis=1)
        latest = self.count - 1 - int(np.argmin(distances[::-1]))
        return float(self._rewards[latest])
