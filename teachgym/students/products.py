"""The outputs of adapted layers that read the same, in as few operations as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from teachgym.students.local.layout import Layout

DEVICES = ("cuda",)
"""Where ``AdaptedProducts`` computes. On CPUs, sums in another order would give other digits than
runs that are recorded, and operations there cost nothing to launch."""


def computes(rows: torch.Tensor, layers: Sequence[nn.Module], layout: Layout) -> bool:
    """Whether ``AdaptedProducts`` computes the outputs of layers.

    It does for equally many rows of each student, unless these are to be multiplied one by one,
    even if there is one student alone. Compiled code takes the other path, which the compiler fuses
    by itself.
    """
    return (
        rows.device.type in DEVICES
        and layout.is_even
        and not layout.strict
        and all(type(layer).forward is nn.Linear.forward for layer in layers)
        and not torch.compiler.is_compiling()
    )


class AdaptedProducts(torch.autograd.Function):
    """``rows W_i^T + b_i + scale (rows A_i) B_i`` for m layers i, of equally many rows a student.

    What an adapter adds is added by the product itself, to the outputs and to the gradients of the
    rows; so no sum is an operation of its own, and no output of an adapter is ever written.

    Inputs: rows (n_rows, d_in); the factors A of all layers side by side, (K, d_in, m r), or None
    if the products with them are given as ``low``, (n_rows, m r), of rows with dropout; the layout;
    the scale; then W (d_out, d_in), b (d_out,) or None, and B (K, r, d_out) of each layer. W and b
    are constants. Outputs: (n_rows, d_out) for each layer.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,
        first: torch.Tensor | None,
        low: torch.Tensor | None,
        layout: Layout,
        scale: float,
        *of: Any,
    ) -> tuple[torch.Tensor, ...]:
        """The outputs."""
        layers = list(zip(of[::3], of[1::3], of[2::3], strict=True))
        if first is not None:
            low = torch.bmm(layout.batched(rows), first)  # (K, n, m r)
        else:
            assert low is not None
            low = layout.batched(low)
        outputs = []
        for (weight, bias, second), own in zip(layers, low.chunk(len(layers), -1), strict=True):
            y = F.linear(rows, weight, bias)
            layout.batched(y).baddbmm_(own, second, alpha=scale)
            outputs.append(y)
        ctx.save_for_backward(rows, first, low, *of[::3], *of[2::3])
        # The layout changes from pass to pass; what is read of it here does not.
        ctx.layout, ctx.scale = layout.now(), scale
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        """The gradients of rows and factors."""
        rows, first, low, *rest = ctx.saved_tensors
        n_layers, batched, scale = len(rest) // 2, ctx.layout.batched, ctx.scale
        low_gradient, of_second = torch.empty_like(low), list[torch.Tensor]()
        of_rows: torch.Tensor | None = None
        parts = zip(low.chunk(n_layers, -1), low_gradient.chunk(n_layers, -1), strict=True)
        for (own, into), g, w, second in zip(
            parts, gradients, rest[:n_layers], rest[n_layers:], strict=True
        ):
            g = g.contiguous()
            torch.bmm(batched(g), second.mT, out=into)
            of_second.append(torch.bmm(own.mT, batched(g)).mul_(scale))
            if ctx.needs_input_grad[0]:
                of_rows = g @ w if of_rows is None else of_rows.addmm_(g, w)
        low_gradient.mul_(scale)
        if first is None:
            of_low = low_gradient.view(-1, low_gradient.shape[-1])  # student after student
            return of_rows, None, of_low, None, None, *_thirds(of_second)
        if of_rows is not None:
            batched(of_rows).baddbmm_(low_gradient, first.mT)
        of_first = torch.bmm(batched(rows).mT, low_gradient)
        return of_rows, of_first, None, None, None, *_thirds(of_second)


def _thirds(gradients: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    """None for weights and biases, then the gradient of a layer's second factor."""
    return [one for gradient in gradients for one in (None, None, gradient)]
