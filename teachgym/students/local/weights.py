"""``Weight``: a trained tensor of all students of a pool."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Weight:
    """A trained tensor of all students."""

    name: str
    parameter: nn.Parameter
    is_stacked: bool
    """Whether the parameter has a first axis of students; without it there is one student."""

    @property
    def values(self) -> torch.Tensor:
        """The values of all students, (K, ...), in place."""
        return self.parameter.data if self.is_stacked else self.parameter.data[None]

    @property
    def grad(self) -> torch.Tensor | None:
        """The gradients of all students, (K, ...), in place; None before a backward pass."""
        grad = self.parameter.grad
        return grad if grad is None or self.is_stacked else grad[None]
