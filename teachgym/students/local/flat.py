"""``Flat``: the trained weights of K students in one tensor, for few operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from teachgym.students.local.weights import Weight, wholes

_ALIGNED = 16
"""Every weight begins at a multiple of this many numbers, as kernels for matrices like it."""


class Flat:
    """All trained weights in a row for each student; the model's parameters become views of it.

    The model can compute with a copy in another precision, which is refreshed at once.

    Args:
        weights: of K students, in 32 bits.
        dtype: of the copy that the model is to compute with; the weights' own = no copy.
    """

    def __init__(self, weights: Sequence[Weight], dtype: torch.dtype = torch.float32) -> None:
        self.weights = tuple(weights)
        self._wholes = wholes(weights)
        n_students, device = len(weights[0].values), weights[0].values.device
        self._sizes = [w.values[0].numel() for w in self._wholes]
        self._gaps = [-size % _ALIGNED for size in self._sizes]
        width = sum(self._sizes) + sum(self._gaps)
        self.values = torch.zeros(n_students, width, device=device)
        """Shape (K, n)."""
        self._used = self.values if dtype == torch.float32 else self.values.to(dtype)
        self._none = torch.zeros(n_students, _ALIGNED, device=device, dtype=dtype)
        with torch.no_grad():
            for whole, view in zip(self._wholes, self._parts(self.values), strict=True):
                view.copy_(whole.values)
                whole.parameter.data = view if whole.is_stacked else view[0]
        self._leaves = [
            nn.Parameter(view if whole.is_stacked else view[0])
            for whole, view in zip(self._wholes, self._parts(self._used), strict=True)
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """The recipe of a copy, which is made anew: copied parameters share no memory."""
        return Flat, (self.weights, self._used.dtype)

    def views(self, flat: torch.Tensor) -> Iterator[torch.Tensor]:
        """Parts of a tensor (K, n) in the shapes of the weights, (K, ...) each."""
        parts = zip(self._wholes, self._parts(flat), strict=True)
        parts_of = {id(whole.parameter): part for whole, part in parts}
        return (weight.part(parts_of[id(weight.parameter)]) for weight in self.weights)

    def _parts(self, flat: torch.Tensor) -> Iterator[torch.Tensor]:
        """Parts of a tensor (K, n) in the shapes of the parameters, (K, ...) each."""
        start = 0
        for whole, size, gap in zip(self._wholes, self._sizes, self._gaps, strict=True):
            yield flat[:, start : start + size].view(len(flat), *whole.values.shape[1:])
            start += size + gap

    def row(self, student: int) -> torch.Tensor:
        """A copy of one student's weights on the CPU, (1, n): one transfer."""
        return self.values[student : student + 1].to("cpu", copy=True)

    def named(self, row: torch.Tensor) -> dict[str, torch.Tensor]:
        """The weights in a row (1, n) by their names, in place."""
        return {w.name: view[0] for w, view in zip(self.weights, self.views(row), strict=True)}

    @torch.no_grad()
    def refresh(self) -> None:
        """Update the copy that the model computes with."""
        if self._used is not self.values:
            self._used.copy_(self.values)

    @contextmanager
    def computing(self, model: nn.Module) -> Iterator[None]:
        """Let ``model`` compute with the copy within; see ``gather`` for its gradients."""
        self.refresh()
        leaves = {id(w.parameter): of for w, of in zip(self._wholes, self._leaves, strict=True)}
        places = [
            (module, name, parameter)
            for module in model.modules()
            for name, parameter in module._parameters.items()
            if id(parameter) in leaves
        ]
        for module, name, parameter in places:
            module._parameters[name] = leaves[id(parameter)]
        try:
            yield
        finally:
            for module, name, parameter in places:
                module._parameters[name] = parameter
            for leaf in self._leaves:
                leaf.grad = None

    @torch.no_grad()
    def gather(self, gradients: torch.Tensor) -> None:
        """Add the gradients of the copy to ``gradients`` (K, n), and forget them."""
        parts = []
        for leaf, gap in zip(self._leaves, self._gaps, strict=True):
            grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            parts.append(grad.reshape(len(self.values), -1))
            if gap:
                parts.append(self._none[:, :gap])
            leaf.grad = None
        gradients.add_(torch.cat(parts, dim=1))
