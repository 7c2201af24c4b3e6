"""What is minimised: a loss is a function of the logits at target positions.

``LOSSES`` names them; to add one, write it here and give it a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Preferences:
    """What losses over pairs of responses know of n rows; a pair's rows follow one another."""

    owners: torch.Tensor
    """Number of the example the row belongs to, rising, shape (n,)."""
    signs: torch.Tensor
    """1 for rows of the chosen response, -1 for those of the rejected one, shape (n,)."""
    shares: torch.Tensor
    """Share of the pair in its student's mean at its first row, 0 elsewhere, shape (n,)."""
    references: torch.Tensor
    """Log-probability of the right token under the reference, shape (n,)."""

    @property
    def counts(self) -> torch.Tensor:
        """Rows of each example, shape (n_examples,)."""
        counts: torch.Tensor = torch.unique_consecutive(self.owners, return_counts=True)[1]
        return counts

    def part(self, start: int, stop: int, device: torch.device) -> Preferences:
        """Rows ``start`` to ``stop``, on ``device``."""
        own = (self.owners, self.signs, self.shares, self.references)
        return Preferences(*(rows[start:stop].to(device) for rows in own))


@dataclass(frozen=True)
class Targets:
    """What n rows of logits should have predicted."""

    labels: torch.Tensor
    """The right token, shape (n,)."""
    weights: torch.Tensor
    """Share of the row in its student's mean, shape (n,); 0 in a rejected response."""
    preferences: Preferences | None = None
    """None where no row belongs to a pair."""

    def part(self, start: int, stop: int, device: torch.device) -> Targets:
        """Rows ``start`` to ``stop``, on ``device``."""
        known = self.preferences
        return Targets(
            self.labels[start:stop].to(device),
            self.weights[start:stop].to(device),
            known and known.part(start, stop, device),
        )


Loss = Callable[[torch.Tensor, Targets], torch.Tensor]
"""Logits (n, V) and targets -> weighted loss of each row (n,), in 32 bits."""


def cross_entropy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Negative log-probability of each right token, shape (n,), in 32 bits."""
    return F.cross_entropy(logits.float(), targets.labels, reduction="none")


def sft(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Supervised fine-tuning: weighted cross entropy of each row."""
    return cross_entropy(logits, targets) * targets.weights


@dataclass(frozen=True)
class Dpo:
    """Direct preference optimisation: Rafailov et al. 2023 (arXiv 2305.18290), equation 7.

    For the chosen response w and the rejected one l to a prompt x::

        -log sigmoid(beta * [(log pi(w|x) - log ref(w|x)) - (log pi(l|x) - log ref(l|x))])

    plus ``sft_weight`` times the mean cross entropy of w's tokens (Pang et al. 2024, arXiv
    2404.19733, equation 1). Masked tokens are left out of both terms. The loss of a pair stands
    at its first row. Rows without a partner have the cross entropy alone.
    """

    beta: float
    """How dear it is to leave the reference, > 0."""
    sft_weight: float
    """Weight of the cross entropy, >= 0."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Loss of each row, as ``Loss`` says; no pair may be parted."""
        entropy = cross_entropy(logits, targets)
        plain = self.sft_weight * entropy * targets.weights
        known = targets.preferences
        if known is None:
            return plain
        ratios = known.signs * (-entropy - known.references)
        counts = known.counts
        # Adds up each example's rows in their order, whoever else is there.
        margins = torch.segment_reduce(ratios, "sum", lengths=counts)  # (n_examples,)
        return F.softplus(-self.beta * margins).repeat_interleave(counts) * known.shares + plain


LOSSES: Mapping[str, Callable[[float, float], Loss]] = {
    "sft": lambda beta, sft_weight: sft,
    "dpo": Dpo,
}
"""What each loss is, given ``beta`` and ``sft_weight``."""
