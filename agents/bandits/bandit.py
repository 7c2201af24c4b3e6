"""Multi-armed bandits: the protocol, and the choice of the best arms by an index.

A bandit picks ``k`` arms at once and is then told their rewards: one *round*. With k = 1 this is
the setting of the papers; with more, index bandits play the k best arms (Anantharam et al.
1987), and randomised ones draw k times with replacement. Rewards are in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from teachgym.settings import Share, checked
from teachgym.types import FloatArray

Arms: TypeAlias = NDArray[np.int64]
"""Arm numbers, shape (k,)."""


class Bandit(Protocol):
    """Chooses arms and learns from their rewards."""

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """Choose ``k`` >= 1 arms to play; ``contexts``, (n_arms, n_features), may be ignored."""

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Learn from rewards in [0, 1], (k,), of all or some arms of the last ``select``."""


@checked
@dataclass(eq=False)
class ArmedBandit(Bandit):
    """The arguments of every bandit before its settings."""

    n_arms: int
    """Number of arms, K."""
    rng: np.random.Generator
    """Source of all randomness."""


def best_arms(index: FloatArray, k: int, rng: np.random.Generator) -> Arms:
    """The ``k`` arms with the highest index, best first, ties in random order.

    With more slots than arms, the ranking is gone through again.

    Example:
        >>> best_arms(np.array([0.1, 0.9, 0.5]), 4, np.random.default_rng(0)).tolist()
        [1, 2, 0, 1]
    """
    ranking = np.lexsort((rng.random(len(index)), -index))
    return np.resize(ranking, k).astype(np.int64)


def tally(arms: Arms, rewards: FloatArray, n_arms: int) -> FloatArray:
    """Sum of rewards and number of plays of each arm in a round, shape (2, n_arms).

    Example:
        >>> tally(np.array([0, 2, 0]), np.array([0.5, 1.0, 0.25]), 3).tolist()
        [[0.75, 0.0, 1.0], [2.0, 0.0, 1.0]]
    """
    totals = np.zeros((2, n_arms))
    np.add.at(totals[0], arms, rewards)
    np.add.at(totals[1], arms, 1.0)
    return totals


@checked
@dataclass(eq=False, kw_only=True)
class FadingBandit(ArmedBandit):
    """A bandit whose counts and sums of rewards lose the share 1 - ``discount`` in every round."""

    discount: Share = 0.9
    """Weight of the past, in [0, 1]."""

    def __post_init__(self) -> None:
        self.totals = np.zeros((2, self.n_arms))  # sums and counts

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Let the past fade, then count the round."""
        self.totals = self.discount * self.totals + tally(arms, rewards, self.n_arms)
