"""What is minimised: a loss is a function of the logits at target positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Targets:
    """What n rows of logits should have predicted."""

    labels: torch.Tensor
    """The right token, shape (n,)."""
    weights: torch.Tensor
    """Share of the row in its student's mean, shape (n,)."""
    texts: torch.Tensor
    """Which text of the forward pass the row belongs to, shape (n,); for losses over pairs."""


Loss = Callable[[torch.Tensor, Targets], torch.Tensor]
"""Logits (n, V) and targets -> weighted loss of each row (n,), in 32 bits."""


def sft(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Supervised fine-tuning: weighted cross entropy of each row."""
    entropy = F.cross_entropy(logits.float(), targets.labels, reduction="none")
    return entropy * targets.weights
