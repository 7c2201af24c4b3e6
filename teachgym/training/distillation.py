"""``Distillation``: follow the next-token distribution of a teacher model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from teachgym.settings import NotNegative, Positive, ShareBetween, checked
from teachgym.training.losses import Loss, Needs, Targets, TopK, cross_entropy


@checked
@dataclass(frozen=True)
class Distillation(Loss):
    """Logit distillation: a divergence between teacher model p and student q at each target token.

    ``forward`` is KL(p || q) (Hinton et al. 2015, arXiv 1503.02531), ``reverse`` KL(q || p) (Gu et
    al. 2023, arXiv 2306.08543), ``jensen-shannon`` the generalised divergence of Agarwal et al.
    2023 (arXiv 2306.13649, equation 1), with m = beta p + (1 - beta) q::

        beta KL(p || m) + (1 - beta) KL(q || m)

    Both are softened by the temperature; the divergence is not multiplied by its square. Of a
    teacher model that tells k tokens, all others are one event in p and in q, so that the
    divergence is at most the whole one, and 0 where q is p. Tokens with a weight below 0 have the
    cross entropy alone.

    The defaults are Hinton's. ``weight=0.2, sft_weight=1`` is DDK's mix (Liu et al. 2024, arXiv
    2407.16154, section 3.3).
    """

    divergence: Literal["forward", "reverse", "jensen-shannon"] = "forward"
    """The kind: ``forward`` covers what the teacher model might say, ``reverse`` keeps to what it
    finds likely, ``jensen-shannon`` is between the two."""
    beta: ShareBetween = 0.5
    """Share of the teacher model in the mixture of ``jensen-shannon``, in (0, 1)."""
    temperature: Positive = 1.0
    """The divisor of logits, > 0."""
    weight: NotNegative = 1.0
    """Weight of the divergence, >= 0."""
    sft_weight: NotNegative = 0.0
    """Weight of the targets' cross entropy, >= 0."""

    @property
    def needs(self) -> Needs:
        """A teacher model's tokens."""
        return Needs(teacher=True, temperature=self.temperature)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        assert targets.teacher is not None
        p, q = coarse(targets.teacher, (logits.float() / self.temperature).log_softmax(-1))
        losses = self.weight * self._divergence(p, q) * targets.weights.clamp(min=0)
        if self.sft_weight:
            losses = losses + self.sft_weight * cross_entropy(logits, targets) * targets.weights
        return losses

    def _divergence(self, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """The divergence of log-probabilities (n, k) each, shape (n,)."""
        if self.divergence == "forward":
            return kl(p, q)
        if self.divergence == "reverse":
            return kl(q, p)
        shares = math.log(self.beta), math.log1p(-self.beta)
        # Not ``logaddexp``, whose last bit depends on how many numbers there are.
        m = torch.stack([p + shares[0], q + shares[1]]).logsumexp(0)
        return self.beta * kl(p, m) + (1 - self.beta) * kl(q, m)


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """The KL divergence from p to q in nats, of log-probabilities (n, k) each, shape (n,)."""
    return (p.exp() * (p - q)).sum(-1)


def coarse(teacher: TopK, logprobs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Teacher model and student over the reported tokens and, last, all others as one event.

    Args:
        teacher: k tokens at each of n rows.
        logprobs: of the student, of all tokens, shape (n, V).

    Returns:
        Log-probabilities, of shape (n, k + 1) each, or (n, k) where all tokens are told.
    """
    own = logprobs.gather(-1, teacher.ids)
    if teacher.ids.shape[1] == logprobs.shape[1]:
        return teacher.logprobs, own
    rest = logprobs.scatter(-1, teacher.ids, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([teacher.logprobs, teacher.rest[:, None]], -1), torch.cat([own, rest], -1)
