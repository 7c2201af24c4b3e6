"""``FirstFactors``: the A of adapters whose layers read the same, multiplied with it at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from teachgym.students.local.layout import Layout, multiply

SIBLINGS: Sequence[frozenset[str]] = (
    frozenset({"q_proj", "k_proj", "v_proj"}),
    frozenset({"gate_proj", "up_proj"}),
)
"""Last names of layers of one module that are handed the same tensor."""


class FirstFactors(nn.Module):
    """The first factors A of m layers that may read the same tensor.

    The layer that is asked first has the tensor multiplied with the factors of all; the others
    find their products. A layer that is handed another tensor has that one multiplied.

    Args:
        n_layers: m.
        shape: (K, d_in, r) of a factor.
        dropout: share of the inputs that is dropped in training, for each layer by itself.
        layout: of the K students.
        device: of the factors.

    Attributes:
        weight: the factors side by side in 32 bits, (K, d_in, m r).
    """

    def __init__(
        self,
        n_layers: int,
        shape: tuple[int, int, int],
        *,
        dropout: float,
        layout: Layout,
        device: torch.device,
    ) -> None:
        super().__init__()
        n_students, d_in, self.rank = shape
        self.n_layers, self.dropout, self.layout = n_layers, dropout, layout
        self.weight = nn.Parameter(
            torch.empty(n_students, d_in, n_layers * self.rank, device=device)
        )
        self._read: torch.Tensor | None = None
        self._products: dict[int, torch.Tensor] = {}
        """Of what was read last, for the layers that have not been asked since."""

    def columns(self, number: int) -> tuple[int, int]:
        """The first column of a layer's factor, and the one after it."""
        return number * self.rank, (number + 1) * self.rank

    def multiply(self, x: torch.Tensor, number: int) -> torch.Tensor:
        """The product of rows (..., d_in) and the factor of layer ``number``, (n_rows, r)."""
        if self._read is not x or number not in self._products:
            self._read, self._products = x, dict(enumerate(self._multiply_all(x)))
        product = self._products.pop(number)
        if not self._products:
            self._read = None  # which nobody needs any more
        return product

    def _multiply_all(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        rows = x.reshape(-1, x.shape[-1])
        if not (self.training and self.dropout):
            return multiply(rows, self.weight, self.layout).chunk(self.n_layers, -1)
        # Each layer drops other inputs, as if there were m times as many students.
        dropped = self.layout.drop(rows, self.dropout, times=self.n_layers)
        factors = self.weight.view(*self.weight.shape[:2], self.n_layers, self.rank)
        factors = factors.permute(2, 0, 1, 3).flatten(0, 1)  # (m K, d, r)
        with self.layout.blocks(self.layout.counts * self.n_layers):
            products = multiply(dropped.flatten(0, 1), factors, self.layout)
        return products.chunk(self.n_layers)


def siblings_of(name: str, among: Sequence[str]) -> list[str]:
    """The names ``among`` those of layers that read what the layer ``name`` reads, itself too.

    Example:
        >>> siblings_of("0.q_proj", ["0.q_proj", "0.v_proj", "0.o_proj", "1.q_proj"])
        ['0.q_proj', '0.v_proj']
    """
    parent, _, last = name.rpartition(".")
    for group in SIBLINGS:
        if last in group:
            return [n for n in among if n.rpartition(".")[::2] in {(parent, g) for g in group}]
    return [name]
