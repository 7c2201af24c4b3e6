"""``ucb1``, ``discounted-ucb``, ``sliding-window-ucb``: optimism about rarely tried arms.

The three differ only in which rewards they still count: all of them, all with geometrically
falling weight, or those of the last rounds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from teachgym.agents.bandits.bandit import ArmedBandit, Arms, FadingBandit, best_arms, tally
from teachgym.settings import Kept, NotNegative, Share, checked
from teachgym.types import FloatArray

XI = 0.6
"""Garivier and Moulines prove their bounds for a constant xi above 1/2 in the bonus."""


def upper_bounds(sums: FloatArray, counts: FloatArray, width: NotNegative) -> FloatArray:
    """The index mean + width sqrt(ln(sum of counts) / count); inf for arms without a count.

    All three published indices have this form for rewards in [0, 1]:

    * UCB1 (Auer, Cesa-Bianchi, Fischer 2002, figure 1): plain counts, width sqrt(2);
    * D-UCB (Garivier and Moulines 2008, arXiv 0805.3415, section 2): discounted counts,
      width 2 sqrt(xi);
    * SW-UCB (same, section 2): counts in the window, whose sum is min(t, window), width sqrt(xi).

    Args:
        sums: rewards added up, shape (n_arms,).
        counts: plays, whole or discounted, shape (n_arms,).
        width: >= 0; 0 is greedy.

    Example:
        >>> upper_bounds(np.array([2.0, 0.0]), np.array([4.0, 0.0]), width=0.0).tolist()
        [0.5, inf]
    """
    played = counts > 0
    divisor = np.where(played, counts, 1.0)
    # Discounting can bring the sum below 1, where the logarithm would turn negative.
    log_total = np.log(max(counts.sum(), 1.0))
    return np.where(played, sums / divisor + width * np.sqrt(log_total / divisor), np.inf)


@checked
@dataclass(eq=False, kw_only=True)
class DiscountedUCB(FadingBandit):
    """UCB on counts and rewards that lose the share 1 - ``discount`` in every round."""

    discount: Share = 0.9
    """The discount of the past, in [0, 1]; the paper suggests 1 - 1 / (4 sqrt(rounds)) for few
    changes."""
    width: NotNegative = 2 * XI**0.5
    """The width of the bonus, >= 0; ``2 * sqrt(XI)`` as published. Much less does better where
    differences between arms are small against the range of rewards."""

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """The k arms with the highest upper bound."""
        sums, counts = self.totals
        return best_arms(upper_bounds(sums, counts, self.width), k, self.rng)


@checked
@dataclass(eq=False, kw_only=True)
class UCB1(DiscountedUCB):
    """UCB that counts every reward equally for ever, which is right if rewards do not change."""

    width: NotNegative = 2**0.5
    """The width of the bonus, >= 0; sqrt(2) as published."""
    discount: Share = field(default=1.0, init=False)


@checked
@dataclass(eq=False, kw_only=True)
class SlidingWindowUCB(ArmedBandit):
    """UCB on the last ``window`` rounds only."""

    window: Kept = 6
    """Rounds remembered, >= 1; the paper suggests 4 sqrt(rounds ln(rounds))."""
    width: NotNegative = XI**0.5
    """The width of the bonus, >= 0; ``sqrt(XI)`` as published."""

    def __post_init__(self) -> None:
        self._rounds = deque([np.zeros((2, self.n_arms))], maxlen=self.window)  # sums and counts

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """The k arms with the highest upper bound."""
        sums, counts = np.sum(self._rounds, axis=0)
        return best_arms(upper_bounds(sums, counts, self.width), k, self.rng)

    def update(self, arms: Arms, rewards: FloatArray) -> None:
        """Remember the round; the oldest one is dropped."""
        self._rounds.append(tally(arms, rewards, self.n_arms))
