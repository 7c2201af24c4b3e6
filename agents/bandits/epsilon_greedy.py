"""``epsilon-greedy`` with a constant step size, which forgets the past geometrically."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.agents.bandits.bandit import ArmedBandit, Arms, best_arms
from teachgym.settings import Share, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class EpsilonGreedy(ArmedBandit):
    """Plays the arms with the highest values; each slot is random with probability ``epsilon``.

    Q <- Q + step_size (reward - Q), from ``initial`` (Sutton and Barto 2018, section 2.5).
    """

    epsilon: Share = 0.1
    """The chance of a random arm in each slot, in [0, 1]."""
    step_size: Share = 0.5
    """In [0, 1]; the larger, the faster the past is forgotten."""
    initial: float = 0.7
    """Value of an arm never played; above what rewards usually are, it makes the bandit try every
    arm before it settles."""

    def __post_init__(self) -> None:
        self.values = np.full(self.n_arms, self.initial, dtype=np.float64)

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """The k best arms, some replaced by random ones."""
        arms = best_arms(self.values, k, self.rng)
        randomly = self.rng.random(k) < self.epsilon
        arms[randomly] = self.rng.integers(len(self.values), size=int(randomly.sum()))
        return arms

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Move the value of each arm towards its reward."""
        for arm, reward in zip(arms, rewards, strict=True):
            self.values[arm] += self.step_size * (reward - self.values[arm])
