"""``Siblings``: adapted layers that read the same, whose outputs are computed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn

from teachgym.students.local.layout import Layout, multiply
from teachgym.students.products import AdaptedProducts, computes

SIBLINGS: Sequence[frozenset[str]] = (
    frozenset({"q_proj", "k_proj", "v_proj"}),
    frozenset({"gate_proj", "up_proj"}),
)
"""Last names of layers of one module that are handed the same tensor."""


class Adapted(Protocol):
    """A frozen linear layer with the adapters of K students."""

    base: Any
    """The layer."""
    lora_B: nn.Parameter
    """The second factors, (K, r, d_out)."""
    scale: float
    """The factor of the product of both factors."""

    def add(self, x: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The output for ``x`` (..., d_in) and its product with the first factor, (n_rows, r)."""


class Siblings(nn.Module):
    """The first factors A of m layers that may read the same tensor.

    The layer that is asked first has the products of all with their first factors computed, and on
    GPUs their outputs; the others find theirs. A layer that is handed another tensor has that one
    read by all. If others had not been asked yet, the layers do not read the same, and from then on
    no output is computed before it is asked for.

    Args:
        n_layers: m.
        shape: (K, d_in, r) of a factor.
        dropout: share of the inputs that is dropped in training, for each layer by itself.
        layout: of the K students.
        device: of the factors.

    Attributes:
        weight: the factors side by side in 32 bits, (K, d_in, m r).
        layers: those that read the same, in the order of their factors.
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
        self.layers: list[Adapted] = []  # no submodules: each has this one as its own
        self._read: torch.Tensor | None = None
        self._begun: dict[int, Callable[[], torch.Tensor]] = {}
        """The rest of the work on what was read last, of layers that have not been asked since."""
        self._read_alike = True

    def __getstate__(self) -> dict[str, Any]:
        """The state without what a pass that failed has left."""
        return {**self.__dict__, "_read": None, "_begun": {}}

    def columns(self, number: int) -> tuple[int, int]:
        """The first column of a layer's factor, and the one after it."""
        return number * self.rank, (number + 1) * self.rank

    def output(self, x: torch.Tensor, number: int) -> torch.Tensor:
        """The output of layer ``number``, (..., d_in) -> (..., d_out)."""
        if self._read is not x or number not in self._begun:
            if self._read is not None and self._read is not x:
                self._read_alike = False
            self._read, self._begun = x, dict(enumerate(self._begin(x)))
        finish = self._begun.pop(number)
        if not self._begun:
            self._read = None  # which nobody needs any more
        return finish()

    def _begin(self, x: torch.Tensor) -> Sequence[Callable[[], torch.Tensor]]:
        """Compute together what can be; what gives the output of each layer, (..., d_out)."""
        rows, drops = x.reshape(-1, x.shape[-1]), bool(self.training and self.dropout)
        bases = [layer.base for layer in self.layers]
        is_fused = self._read_alike and computes(rows, bases, self.layout)
        products = self._multiply(rows, drops=drops) if drops or not is_fused else ()
        if not is_fused:
            pairs = zip(self.layers, products, strict=True)
            return [partial(layer.add, x, low) for layer, low in pairs]
        factors = [layer.lora_B.to(rows.dtype) for layer in self.layers]
        layers = zip(bases, factors, strict=True)
        outputs: Any = AdaptedProducts.apply(  # type: ignore[no-untyped-call]
            rows,
            None if products else self.weight.to(rows.dtype),
            torch.cat([*products], -1) if products else None,
            self.layout,
            self.layers[0].scale,
            *(tensor for base, b in layers for tensor in (base.weight, base.bias, b)),
        )
        return [partial(y.view, *x.shape[:-1], -1) for y in outputs]

    def _multiply(self, rows: torch.Tensor, *, drops: bool) -> Sequence[torch.Tensor]:
        """The products of rows and the factor of each layer, (n_rows, r) each."""
        if not drops:
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
