"""``odm``: online data mixing, a bandit whose reward is the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from teachgym.agents.bandits.exp3 import exp3_probabilities
from teachgym.agents.curricula.rule import NamedRule, softmax
from teachgym.settings import Kept, Share, checked
from teachgym.types import FloatArray


def exploration(n_arms: int, turn: int) -> float:
    """min(1 / K, sqrt(ln K / (K t))) for turn t >= 1: the least share of an arm.

    Example:
        >>> exploration(4, 1), round(exploration(4, 100), 4)
        (0.25, 0.0589)
    """
    return min(1 / n_arms, math.sqrt(math.log(n_arms) / (n_arms * turn)))


@checked
@dataclass(eq=False, kw_only=True)
class OnlineDataMixing(NamedRule):
    """EXP3 over domains with the loss of the domain as reward.

    Albalak et al. 2023 (arXiv 2312.02406), algorithm 1. In turn t an arm is drawn with

        p_i = (1 - K e_t) softmax(e_(t-1) R)_i + e_t       R_i <- s R_i + (1 - s) L_i / p_i

    where e_t is ``exploration``, s the smoothing, and R_i is updated for arms drawn.

    Differences:

    * A step of the environment is ``slots`` turns drawn from one p, after which e moves on by as
      many and the loss of each arm drawn counts once. Theirs has thousands of updates, and e_t is
      1 / K, all arms alike, until turn K ln K.
    * L is the loss on ``val`` before the step, not that of the batch drawn.
    * Theirs warms up with the initial mixture for the first hundredth of all steps; in tens of
      steps that is none.
    """

    smoothing: Share = 0.5
    """Weight of the past in R, in [0, 1]."""
    slots: Kept = 256
    """Draws of a step, >= 1."""

    def __post_init__(self) -> None:
        self.rewards = np.zeros(len(self.names))
        self._turn = 1
        self._before = 1 / len(self.names)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        n_arms = len(measured)
        now = exploration(n_arms, self._turn)
        focus = softmax(self._before * self.rewards)
        probabilities = exp3_probabilities(focus, n_arms * now)
        counts = self.rng.multinomial(self.slots, probabilities)
        estimate = (1 - self.smoothing) * measured / probabilities
        updated = self.smoothing * self.rewards + estimate
        self.rewards = np.where(counts > 0, updated, self.rewards)
        self._turn, self._before = self._turn + self.slots, now
        shares: FloatArray = counts / self.slots
        return shares
