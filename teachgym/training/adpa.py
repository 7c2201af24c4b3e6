"""``Adpa``: raises tokens that alignment made likelier in a teacher model."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from teachgym.settings import NotNegative, Positive, checked
from teachgym.training.losses import Needs, Targets, cross_entropy
from teachgym.training.policy_losses import PolicyLoss, rows_of


@checked
@dataclass(frozen=True)
class Adpa(PolicyLoss):
    """Advantage-guided distillation: what alignment added to a teacher model, on own samples.

    ADPA (arXiv 2502.17927, section 3.2). A teacher model after its alignment and the same before
    it have the probabilities p and r of token a after s, so that its advantage is
    A(s, a) = beta log(p / r). The student pi learns the target y, and at every place of its own
    sample to prefer what has an advantage, over its whole next-token distribution::

        -log pi(y | x) - gamma * sum over s of sum over a of pi(a | s) A(s, a)

    Differences: samples are drawn anew for every batch, where the paper draws them once, before
    training; both terms are means over tokens, where the paper adds tokens up; and the student
    begins as it is, without the paper's distillation on preferred and dispreferred responses
    (DCKD). Needs a teacher model that tells ratios, ``teacher_model="advantage"``.
    """

    gamma: NotNegative = 1.5
    """Weight of the advantages, >= 0; at 0 the target alone is learned."""
    beta: Positive = 0.1
    """The factor of the logarithm, > 0: that of the preference training it stands for."""

    @property
    def needs(self) -> Needs:
        """Samples beside right targets, and ratios of two teacher models."""
        return Needs(sampled=True, imitated=True, teacher=True, ratios=True)

    def pull(self, progress: float, *, right: bool, solved: bool) -> float:
        """A weight of 1."""
        return 1.0

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        assert targets.teacher is not None
        chances = logits.float().softmax(-1).gather(-1, targets.teacher.ids)
        gains = self.beta * (chances * targets.teacher.logprobs).sum(-1)
        own = rows_of(targets).own
        losses = torch.where(own, -self.gamma * gains, cross_entropy(logits, targets))
        return losses * targets.weights
