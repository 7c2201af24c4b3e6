"""Losses over responses that the student sampled itself: GRPO, KDRL, reverse KL, ADPA.

They are what ``teachgym.training.on_policy`` minimises. Per token with probability p now, q when it
was sampled and r under the reference, of a response with advantage A::

    -min(p/q * A, clip(p/q, 1 - clip, 1 + clip_high) * A) + pull * kl(p, r)

The mean over tokens and responses is the trainer's (``OnPolicySettings.mean``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from teachgym.settings import NotNegative, Positive, ShareBelowOne, checked
from teachgym.training.losses import Loss, Needs, SampledRows, Targets, cross_entropy

Estimator = Literal["k1", "k2", "k3"]


class PolicyLoss(Loss):
    """A loss over sampled responses."""

    def pull(self, progress: float, *, right: bool, solved: bool) -> float:
        """The weight of a response's divergence from the reference, >= 0; by default 1.

        Args:
            progress: share of the updates that have been made, in [0, 1].
            right: whether the response has full marks.
            solved: whether any response of its group has.
        """
        return 1.0


@checked
@dataclass(frozen=True)
class Grpo(PolicyLoss):
    """Group relative policy optimisation: raises the probability of above-average responses.

    Shao et al. 2024 (DeepSeekMath, arXiv 2402.03300), equation 3; the reference is the student
    before this training run. ``clip_high`` is of Yu et al. 2025 (DAPO, arXiv 2503.14476, section
    3.1). Of responses that a group was rescued with, written by somebody else, the objective is
    f(p) * A with f(x) = x / (x + ``shaping``), as in the released code of AMPO (Yuan et al. 2025,
    arXiv 2510.02227); its formula divides p by the teacher's probability.
    """

    clip: ShareBelowOne = 0.2
    """The distance below 1 within which the ratio of probabilities matters, in [0, 1)."""
    clip_high: Positive | None = None
    """The distance above 1; None = that below."""
    beta: NotNegative = 0.04
    """Weight of the divergence from the reference, >= 0; 0 = no reference is read."""
    kl: Estimator = "k3"
    """The estimator of the divergence; see ``divergence``."""
    shaping: Positive = 0.1
    """The shaping of others' responses, > 0; the smaller it is, the more unlikely tokens count."""

    @property
    def needs(self) -> Needs:
        """Graded samples, and a reference if the divergence counts."""
        return Needs(sampled=True, graded=True, references=self.beta > 0)

    def pull(self, progress: float, *, right: bool, solved: bool) -> float:
        """The same weight for all."""
        return self.beta

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        logprobs, sampled = -cross_entropy(logits, targets), rows_of(targets)
        losses = -self._gain(logprobs, sampled)
        if self.needs.references:
            losses = losses + _pulled(self.kl, logprobs, targets, sampled)
        return losses * targets.weights

    def _gain(self, logprobs: torch.Tensor, sampled: SampledRows) -> torch.Tensor:
        """The clipped objective of each row, shape (n,)."""
        before = torch.where(sampled.logprobs.isnan(), logprobs.detach(), sampled.logprobs)
        ratios, high = (logprobs - before).exp(), self.clip_high or self.clip
        clipped = ratios.clamp(1 - self.clip, 1 + high)
        own = torch.minimum(ratios * sampled.advantages, clipped * sampled.advantages)
        chances = logprobs.exp()
        others = chances / (chances + self.shaping) * sampled.advantages
        return torch.where(sampled.own, own, others)


@checked
@dataclass(frozen=True)
class Kdrl(Grpo):
    """GRPO with a teacher model as reference: reinforcement and distillation at once.

    Xu et al. 2025 (KDRL, arXiv 2506.02208): the divergence of the student from the teacher is
    estimated on the student's own samples, its weight falls linearly from ``beta`` to
    ``final_beta``, and masks may leave it to responses that need it.
    """

    beta: NotNegative = 5e-3
    """Weight of the divergence from the teacher at first, >= 0."""
    kl: Estimator = "k2"
    """The estimator of the divergence; see ``divergence``."""
    final_beta: NotNegative = 1e-3
    """The weight at the end, >= 0; the same as ``beta`` = constant."""
    on: Literal["all", "wrong", "unsolved"] = "all"
    """The responses that follow the teacher: ``wrong`` ones (the response-level mask), or those of
    groups in which none is right (the group-level mask)."""

    needs = Needs(sampled=True, graded=True, references=True, guided=True)
    """Graded samples and a teacher model."""

    def pull(self, progress: float, *, right: bool, solved: bool) -> float:
        """The weight by the schedule, and 0 if masked."""
        masked = {"all": False, "wrong": right, "unsolved": solved}[self.on]
        return 0.0 if masked else self.beta + (self.final_beta - self.beta) * progress


@checked
@dataclass(frozen=True)
class ReverseKl(PolicyLoss):
    """On-policy distillation: follows a teacher model on the student's own samples.

    The reverse KL of Agarwal et al. 2024 (GKD, arXiv 2306.13649, section 3, with lambda = 1),
    estimated from the sampled tokens alone, where GKD sums over the vocabulary. Nothing is
    graded.
    """

    kl: Estimator = "k2"
    """The estimator of the divergence; see ``divergence``."""

    needs = Needs(sampled=True, references=True, guided=True)
    """Samples and a teacher model."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        logprobs = -cross_entropy(logits, targets)
        return _pulled(self.kl, logprobs, targets, rows_of(targets)) * targets.weights


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

    needs = Needs(sampled=True, imitated=True, teacher=True, ratios=True)
    """Samples beside right targets, and ratios of two teacher models."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        assert targets.teacher is not None
        chances = logits.float().softmax(-1).gather(-1, targets.teacher.ids)
        gains = self.beta * (chances * targets.teacher.logprobs).sum(-1)
        own = rows_of(targets).own
        losses = torch.where(own, -self.gamma * gains, cross_entropy(logits, targets))
        return losses * targets.weights


def divergence(kl: Estimator, logprobs: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Estimates of KL(student || reference) from tokens that the student sampled, shape (n,).

    With d = log p - log r (Schulman 2020, "Approximating KL divergence"): k1 = d, k2 = d^2 / 2 and
    k3 = exp(-d) - 1 + d. The gradient of k1 as it stands has mean 0 whatever the reference (Tang
    and Munos 2025, arXiv 2506.09477); here k1 has the value d and the gradient of d as a penalty
    in the reward, d * grad log p, which is also that of k2. Of a token sampled now it is the
    gradient of KL(student || reference) there, in the mean, and that of k3 is the gradient of
    KL(reference || student).
    """
    d = logprobs - references
    if kl == "k1":
        return d.detach() * (1 + logprobs - logprobs.detach())
    return d.square() / 2 if kl == "k2" else (-d).exp() - 1 + d


def _pulled(
    kl: Estimator, logprobs: torch.Tensor, targets: Targets, sampled: SampledRows
) -> torch.Tensor:
    """The weighted divergence of each row; what has no weight may have no reference either."""
    counts = sampled.pulls > 0
    references = torch.where(counts, targets.references, logprobs.detach())
    return sampled.pulls * divergence(kl, logprobs, references)


def rows_of(targets: Targets) -> SampledRows:
    """The sampled data of the rows."""
    assert targets.sampled is not None, "the trainer samples where a loss needs it"
    return targets.sampled
