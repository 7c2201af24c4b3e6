"""``sec``: a bandit whose rewards are signs of learning, with fading values and a softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teachgym.agents.curricula.rule import Learnability, Signal, softmax
from teachgym.settings import NotNegative, Share, checked
from teachgym.types import FloatArray


class SelfEvolvingCurriculum:
    """Q <- rate r + (1 - rate) Q for every arm; shares softmax(Q / temperature).

    Chen et al. 2025 (arXiv 2505.14970), section 3: TD(0) on categories of problems.

    Differences:

    * r is theirs only in form: the mean size of the advantage of answers sampled while training,
      which fine-tuning on examples does not have. ``signal`` says what stands in for it.
    * All arms are measured after every step, so all values are updated, also of arms that got
      little; theirs are updated where a batch had problems.

    Args:
        names: of the arms.
        rng: not used.
        rate: in [0, 1].
        temperature: >= 0; 0 = the highest value only.
        signal: r; see ``rule.Learnability``.
    """

    @checked
    def __init__(
        self,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        rate: Share = 0.5,
        temperature: NotNegative = 1.0,
        signal: Signal = "gain",
    ) -> None:
        self.rate, self.temperature = rate, temperature
        self.values = np.zeros(len(names))
        self._learnability = Learnability(signal)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        reward = self._learnability(measured)
        self.values = self.rate * reward + (1 - self.rate) * self.values
        return softmax(self.values, self.temperature)
