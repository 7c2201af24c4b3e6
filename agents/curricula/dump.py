"""``dump``: upper confidence bounds on how much can be learned, turned into a distribution."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import Learnability, NamedRule, Signal, softmax
from teachgym.settings import Kept, NotNegative, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class DistributionCurriculum(NamedRule):
    """Shares softmax(u / temperature) of u = L + width sqrt(2 ln(n + 1) / (n_arm + 1)).

    Wang et al. 2025 (arXiv 2504.09710), section 3.3: L is the mean of the learnability over the
    last ``window`` measurements, n_arm counts an arm's samples and n those of all.

    Differences:

    * Their learnability is the mean size of the advantage of sampled answers, in a window of 300
      of them. ``signal`` says what stands in for it, and the window counts evaluations.
    * An arm that gets the share 1 / n_arms of a step has ``samples`` more samples after it.
    * ``width`` is 1 in theirs.
    """

    window: Kept = 3
    """Evaluations remembered, >= 1."""
    temperature: NotNegative = 0.1
    """>= 0; 0 = the highest bound only."""
    width: NotNegative = 1.0
    """The width of the bonus, >= 0."""
    samples: Kept = 8
    """The samples of each arm in a step that is divided equally, >= 1."""
    signal: Signal = "gain"
    """See ``rule.Learnability``."""

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.names))
        self._per_step = self.samples * len(self.names)
        self._learnability = Learnability(self.signal)
        self._latest = deque[FloatArray](maxlen=self.window)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._latest.append(self._learnability(measured))
        learnability = np.mean(self._latest, axis=0)
        bonus = np.sqrt(2 * np.log(self.counts.sum() + 1) / (self.counts + 1))
        shares = softmax(learnability + self.width * bonus, self.temperature)
        self.counts = self.counts + self._per_step * shares
        return shares
