"""``linucb``: rewards as a linear function of what is known about an arm, with optimism."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.agents.bandits.bandit import ArmedBandit, Arms, best_arms
from teachgym.settings import NotNegative, Positive, Share, checked
from teachgym.types import FloatArray


def linear_bounds(
    contexts: FloatArray, gram: FloatArray, moment: FloatArray, width: float
) -> FloatArray:
    """The index x . theta + width sqrt(x' A^-1 x) for each row x of ``contexts``, (n_arms,).

    Args:
        contexts: shape (n_arms, n_features).
        gram: A = ridge I + sum of x x' over past plays, shape (n_features, n_features).
        moment: sum of r x over past plays, shape (n_features,); theta = A^-1 moment.
        width: >= 0; 0 is greedy.
    """
    spread = np.linalg.solve(gram, contexts.T)  # A^-1 x, one column per arm
    theta = np.linalg.solve(gram, moment)
    bonus: FloatArray = np.sqrt((contexts.T * spread).sum(axis=0))
    return contexts @ theta + width * bonus


@checked
@dataclass(eq=False, kw_only=True)
class LinUCB(ArmedBandit):
    """Ridge regression of rewards on contexts, plus a bonus for unfamiliar contexts.

    The index is ``linear_bounds`` (Li et al. 2010, arXiv 1003.0146, algorithm 1). There each arm
    has its own theta; here all arms share one, since an episode is too short to learn one for
    each (contexts that include an indicator of the arm give each its own intercept). Past plays
    lose the share 1 - ``discount`` of their weight in every round, as in D-LinUCB (Russac et al.
    2019), whose bonus also has a matrix of squared weights that is left out here.
    """

    width: NotNegative = 0.3
    """The width of the bonus, >= 0 (the paper's alpha)."""
    ridge: Positive = 0.3
    """Pull towards theta = 0, > 0; 1 as published."""
    discount: Share = 1.0
    """Weight of past plays, in [0, 1]; 1 as published."""

    def __post_init__(self) -> None:
        self._contexts = np.empty((self.n_arms, 0))
        # Scalars until the first round shows how many features there are.
        self._outer, self._moment = np.zeros(()), np.zeros(())

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """The k arms with the highest bound."""
        n_features = contexts.shape[1]
        self._contexts = contexts
        gram = self.ridge * np.eye(n_features) + self._outer
        moment = np.broadcast_to(self._moment, (n_features,))
        return best_arms(linear_bounds(contexts, gram, moment, self.width), k, self.rng)

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Let the past fade, then add the round with the contexts of the last ``select``."""
        played = self._contexts[arms]  # (k, n_features)
        self._outer = self.discount * self._outer + played.T @ played
        self._moment = self.discount * self._moment + rewards @ played
