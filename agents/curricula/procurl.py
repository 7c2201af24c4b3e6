"""``procurl``: the proximal curriculum, which teaches what is neither mastered nor out of reach."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.agents.curricula.rule import NamedRule, softmax
from teachgym.settings import NotNegative, ShareAboveZero, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class ProximalCurriculum(NamedRule):
    """Shares in proportion to exp(beta p (best - p)), with p the probability of success.

    Tzannetos et al. 2023 (arXiv 2304.12877), section 4: ProCuRL in its practical form, with the
    same ``best`` for all tasks and a softmax instead of the maximum.

    Differences:

    * p is the accuracy on ``val``, as in their ProCuRL-val; their other form reads it off the
      value function of the agent.
    * The step is divided by the distribution, where theirs draws one task an episode.
    """

    beta: NotNegative = 20.0
    """>= 0; the larger, the more goes to the highest product."""
    best: ShareAboveZero = 1.0
    """The probability of success of a perfect student, in (0, 1]."""

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        return softmax(self.beta * measured * (self.best - measured))
