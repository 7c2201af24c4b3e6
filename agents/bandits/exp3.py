"""``exp3`` and ``exp3s``: bandits without assumptions about how rewards arise or change."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from teachgym.agents.bandits.bandit import ArmedBandit, Arms
from teachgym.settings import NotNegative, ShareAboveZero, checked
from teachgym.types import FloatArray


def exp3_probabilities(weights: FloatArray, gamma: float) -> FloatArray:
    """(1 - gamma) w / sum(w) + gamma / K, shape (K,).

    Example:
        >>> exp3_probabilities(np.array([3.0, 1.0]), 0.5).tolist()
        [0.625, 0.375]
    """
    focus: FloatArray = weights / weights.sum()
    return (1 - gamma) * focus + gamma / len(weights)


@checked
@dataclass(eq=False, kw_only=True)
class EXP3S(ArmedBandit):
    """EXP3.S: exponential weights; every arm always receives a share of the total weight.

    For each play of arm i with reward r, drawn with probability p_i (Auer, Cesa-Bianchi, Freund,
    Schapire 2002, section 8)::

        w_j <- w_j exp(gamma x_j / K) + (e alpha / K) sum(w)        x_i = r / p_i, else 0

    Only ratios of weights matter, so they are kept at a largest one of 1. The k plays of a round
    are drawn from the same p and applied one after the other.
    """

    gamma: ShareAboveZero = 0.3
    """Share of uniform plays and speed of learning, in (0, 1]."""
    alpha: NotNegative = 0.01
    """Share that is redistributed, >= 0; the larger, the faster the past is forgotten."""

    def __post_init__(self) -> None:
        self.weights = np.ones(self.n_arms)
        self._probabilities = exp3_probabilities(self.weights, self.gamma)

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """Draw the arms independently."""
        self._probabilities = exp3_probabilities(self.weights, self.gamma)
        return self.rng.choice(len(self.weights), size=k, p=self._probabilities)

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Reweigh, using the probabilities with which the arms were drawn."""
        n_arms = len(self.weights)
        for arm, reward in zip(arms, rewards, strict=True):
            shared = math.e * self.alpha / n_arms * self.weights.sum()
            estimate = reward / self._probabilities[arm]
            self.weights[arm] *= math.exp(self.gamma * estimate / n_arms)
            self.weights += shared
            self.weights /= self.weights.max()


@checked
@dataclass(eq=False, kw_only=True)
class EXP3(EXP3S):
    """EXP3: exponential weights without redistribution (section 3 of the same paper)."""

    alpha: NotNegative = field(default=0.0, init=False)
