"""``sec``: a bandit whose rewards are signs of learning, with fading values and a softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import Learnability, NamedRule, Signal, softmax
from teachgym.settings import NotNegative, Share, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class SelfEvolvingCurriculum(NamedRule):
    """Q <- rate r + (1 - rate) Q for every arm; shares softmax(Q / temperature).

    Chen et al. 2025 (arXiv 2505.14970), section 3: TD(0) on categories of problems.

    Differences:

    * r is theirs only in form: the mean size of the advantage of answers sampled while training,
      which fine-tuning on examples does not have. ``signal`` says what stands in for it.
    * All arms are measured after every step, so all values are updated, also of arms that got
      little; theirs are updated where a batch had problems.
    """

    rate: Share = 0.5
    """Weight of the latest reward, in [0, 1]."""
    temperature: NotNegative = 1.0
    """>= 0; 0 = the highest value only."""
    signal: Signal = "gain"
    """The meaning of r; see ``rule.Learnability``."""

    def __post_init__(self) -> None:
        self.values = np.zeros(len(self.names))
        self._learnability = Learnability(self.signal)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        reward = self._learnability(measured)
        self.values = self.rate * reward + (1 - self.rate) * self.values
        return softmax(self.values, self.temperature)
