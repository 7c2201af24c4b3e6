"""``ddk``: more of the domains where the student's perplexity exceeds a better model's most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import NamedRule, by_arm, softmax
from teachgym.settings import NotNegative, Positive, Share, checked
from teachgym.types import FloatArray

LARGEST = 1e6
"""No ratio is larger: far below it one arm has all already."""


@checked
@dataclass(eq=False, kw_only=True)
class DomainKnowledgeDistillation(NamedRule):
    """Multiplies each arm's share by exp(ratio of perplexities, student to teacher), and smooths.

    Liu et al. 2024 (arXiv 2407.16154), section 3.2, with l the loss of student S or teacher T on
    an arm, in nats per token, N arms, and r_0 proportional to the exponential alone::

        psi <- r exp(exp(l_S) / exp(l_T))       r <- alpha psi / sum(psi) + (1 - alpha) / N

    Differences:

    * Weights are updated before every step of the environment, theirs every 1000 updates.
    * The teacher and the items it is measured on do not change, so its loss is a setting and not
      measured again each time.
    * Ratios can be bounded (``cap``): exp(ratio) gives one arm all that is not smoothed away once a
      small student is ten times as perplexed by it.
    * By default the loss is the share of wrong answers (``items=0``). The loss that the student is
      trained with is the trainer's: theirs is ``distillation`` with a weight of 0.2.

    Raises:
        UnknownSkillError: for a reference of something that is no arm.
        ConfigError: for a reference that leaves an arm out.
    """

    alpha: Share = 0.5
    """Share of the step that is not smoothed, in [0, 1]."""
    reference: NotNegative | Mapping[str, NotNegative] = 0.0
    """The loss of the teacher model, for all arms or ``{arm: loss}``; 0 = it is never wrong, as who
    makes up the data of a procedural task. For a model it is measured beforehand: by probes in an
    environment in which it is the student."""
    cap: Positive | None = None
    """The largest ratio; None = as it is."""

    def __post_init__(self) -> None:
        self._reference = by_arm(self.reference, self.names)
        self._cap = LARGEST if self.cap is None else min(self.cap, LARGEST)
        self.shares: FloatArray | None = None

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        ratio = np.exp(np.minimum(measured - self._reference, np.log(self._cap)))
        if self.shares is None:
            self.shares = softmax(ratio)
        else:
            with np.errstate(divide="ignore"):  # What has no share gets none.
                psi = softmax(np.log(self.shares) + ratio)
            self.shares = self.alpha * psi + (1 - self.alpha) / len(psi)
        return self.shares
