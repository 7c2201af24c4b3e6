"""``Weight``: a trained tensor of all students of a pool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn


@dataclass(frozen=True)
class Weight:
    """A trained tensor of all students."""

    name: str
    parameter: nn.Parameter
    is_stacked: bool
    """Whether the parameter has a first axis of students; without it there is one student."""
    columns: tuple[int, int] | None = None
    """The first of the parameter's columns that are the weight's, and the one after them; None =
    all: the weight is the parameter."""

    @property
    def values(self) -> torch.Tensor:
        """The values of all students, (K, ...), in place."""
        return self.part(self._stacked(self.parameter.data))

    @property
    def grad(self) -> torch.Tensor | None:
        """The gradients of all students, (K, ...), in place; None before a backward pass."""
        grad = self.parameter.grad
        return None if grad is None else self.part(self._stacked(grad))

    def part(self, whole: torch.Tensor) -> torch.Tensor:
        """The part of something shaped like its parameter that belongs to the weight, in place."""
        return whole if self.columns is None else whole[..., slice(*self.columns)]

    def _stacked(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if self.is_stacked else tensor[None]


def wholes(weights: Iterable[Weight]) -> list[Weight]:
    """The parameters of ``weights``, each once, under the name of its first weight."""
    first: dict[int, Weight] = {}
    for weight in weights:
        first.setdefault(id(weight.parameter), replace(weight, columns=None))
    return list(first.values())
