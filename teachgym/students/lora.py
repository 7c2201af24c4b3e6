"""Low-rank adapters of K students over one frozen base: stacked, so one forward serves all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from teachgym.errors import ConfigError
from teachgym.students.layout import Layout, apply_shared, multiply
from teachgym.typed import require_types

ALL_LINEAR = "all-linear"
"""Every linear layer but the output head, PEFT's meaning of the word."""


@dataclass(frozen=True)
class LoRASettings:
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): ``W + alpha / rank * (A B)^T``.

    The defaults are the recipe of DataEnvGym (arXiv 2410.06215, appendix B.1.2).
    """

    rank: int = 16
    """Columns of A and rows of B, >= 1."""
    alpha: float = 32.0
    """Weight of the adapter times its rank, > 0."""
    dropout: float = 0.05
    """Share of an adapter's inputs that is dropped in training, in [0, 1)."""
    targets: str | tuple[str, ...] = ALL_LINEAR
    """``all-linear``, or names of linear layers or their last parts, such as ``q_proj``."""
    seed: int = 0
    """Seed of the initial A; B starts at 0."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.rank < 1:
            raise ConfigError(f"rank is {self.rank}; it must be 1 or more")
        if not self.alpha > 0:
            raise ConfigError(f"alpha is {self.alpha}; it must be above 0")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; it must be in [0, 1)")

    @property
    def scale(self) -> float:
        """What the product of A and B is multiplied with, alpha / rank."""
        return self.alpha / self.rank


class LoRALinear(nn.Module):
    """A frozen linear layer with the adapters of K students.

    Attributes:
        lora_A: (K, d_in, r) in 32 bits, uniform in +-1/sqrt(d_in) at first, as PEFT has it.
        lora_B: (K, r, d_out) in 32 bits, 0 at first.
    """

    def __init__(self, base: nn.Linear, settings: LoRASettings, layout: Layout) -> None:
        super().__init__()
        self.base, self.scale, self.dropout, self.layout = (
            base,
            settings.scale,
            settings.dropout,
            layout,
        )
        shape = (layout.n_students, base.in_features, settings.rank)
        device = base.weight.device
        self.lora_A = nn.Parameter(torch.empty(shape, device=device))
        self.lora_B = nn.Parameter(
            torch.zeros(layout.n_students, settings.rank, base.out_features, device=device)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer for rows of any students, shapes (..., d_in) -> (..., d_out)."""
        rows = x.reshape(-1, x.shape[-1])
        if self.training and self.dropout:
            rows = self.layout.drop(rows, self.dropout)
        low = multiply(rows, self.lora_A, self.layout)
        delta = multiply(low, self.lora_B, self.layout)
        y = apply_shared(self.base, x, self.layout)
        return torch.add(y, delta.view(y.shape), alpha=self.scale)

    @torch.no_grad()
    def merge_into(self, weight: torch.Tensor, student: int) -> None:
        """Write what ``student`` applies, ``W + scale (A B)^T``, to ``weight`` (d_out, d_in)."""
        delta = (self.lora_A[student] @ self.lora_B[student]).mT
        weight.copy_(self.base.weight + self.scale * delta.to(self.base.weight.dtype))


def add_adapters(model: Any, settings: LoRASettings, layout: Layout) -> dict[str, LoRALinear]:
    """Freeze ``model`` and give its target layers adapters, in place; layers by name.

    Raises:
        ConfigError: if no linear layer has one of the target names.
    """
    model.requires_grad_(False)
    head = model.get_output_embeddings()
    generator = torch.Generator().manual_seed(settings.seed)
    adapted: dict[str, LoRALinear] = {}
    linear = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear) and m is not head}
    for name, module in linear.items():
        if settings.targets != ALL_LINEAR and not {name, name.rpartition(".")[2]} & set(
            settings.targets
        ):
            continue
        layer = LoRALinear(module, settings, layout).train(module.training)
        bound = 1 / math.sqrt(module.in_features)
        start = torch.rand(module.in_features, settings.rank, generator=generator)
        layer.lora_A.data.copy_((2 * start - 1) * bound)
        replace_module(model, name, layer)
        adapted[name] = layer
    if not adapted:
        names = sorted({name.rpartition(".")[2] for name in linear})
        raise ConfigError(
            f"no linear layer to adapt is named {settings.targets!r}; "
            f"there are: {', '.join(names) or 'none'}"
        )
    return adapted


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put ``module`` in the place of the submodule ``name``."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


@torch.no_grad()
def load_adapter(
    layers: Mapping[str, LoRALinear],
    weights: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> None:
    """Start every student from ``weights``: per layer A (d_in, r) and B (r, d_out).

    Raises:
        ConfigError: if names or shapes are not those of the adapted layers.
    """
    if weights.keys() != layers.keys():
        differing = sorted(weights.keys() ^ layers.keys())
        raise ConfigError(f"the adapter is for other layers; these differ: {', '.join(differing)}")
    for name, (a, b) in weights.items():
        layer = layers[name]
        if a.shape != layer.lora_A.shape[1:] or b.shape != layer.lora_B.shape[1:]:
            raise ConfigError(
                f"the adapter of {name} has shapes {tuple(a.shape)} and {tuple(b.shape)}; this "
                f"model needs {tuple(layer.lora_A.shape[1:])} and {tuple(layer.lora_B.shape[1:])}"
            )
        layer.lora_A.copy_(a)
        layer.lora_B.copy_(b)
