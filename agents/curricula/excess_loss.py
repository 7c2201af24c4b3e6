"""``excess-loss``: more of the skills where the student is worse than a reference (group DRO)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import NamedRule, by_arm
from teachgym.settings import NotNegative, Share, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class ExcessLoss(NamedRule):
    """Multiplies each arm's share by exp(eta max(loss - reference, 0)), and smooths.

    The rule of DoReMi (Xie et al. 2023, arXiv 2305.10429, algorithm 1, step 2), a form of group
    distributionally robust optimisation::

        a <- a exp(eta excess) / sum       a <- (1 - smoothing) a + smoothing / n

    It is not the method of that paper, which trains a reference model on the starting mixture,
    takes the mean of a over the training of a second, small model with a reweighted loss, and
    trains a third one on it. Here the one student is trained on a itself, and the losses are those
    on ``val``, not of each token of a batch.

    Raises:
        UnknownSkillError: for a reference of something that is no arm.
        ConfigError: for a reference that leaves an arm out.
    """

    eta: NotNegative = 1.0
    """The speed at which shares follow losses, >= 0."""
    smoothing: Share = 1e-3
    """Share of the step that is uniform, in [0, 1]."""
    reference: NotNegative | Mapping[str, NotNegative] = 0.0
    """The loss of the reference, for all arms or ``{arm: loss}``; it must be measured beforehand,
    e.g. in a run of ``uniform``, whose cost comes on top. With 0 the excess is the loss: group DRO
    without a reference."""

    def __post_init__(self) -> None:
        self._reference = by_arm(self.reference, self.names)
        self.shares = np.full(len(self.names), 1 / len(self.names))

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        excess = np.maximum(measured - self._reference, 0)
        raised = self.shares * np.exp(self.eta * (excess - excess.max()))
        self.shares = (1 - self.smoothing) * raised / raised.sum() + self.smoothing / len(raised)
        return self.shares
