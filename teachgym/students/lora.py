"""Low-rank adapters of K students over one frozen base: stacked, so one forward serves all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from teachgym.errors import ConfigError
from teachgym.settings import Positive, Rank, Seed, ShareBelowOne, checked
from teachgym.students.joined import Siblings, siblings_of
from teachgym.students.local.layout import Layout, apply_shared, multiply

ALL_LINEAR = "all-linear"
"""Every linear layer but the output head, PEFT's meaning of the word."""


@checked
@dataclass(frozen=True)
class LoRASettings:
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): ``W + alpha / rank * (A B)^T``.

    The defaults are the recipe of DataEnvGym (arXiv 2410.06215, appendix B.1.2).
    """

    rank: Rank = 16
    """Columns of A and rows of B, >= 1."""
    alpha: Positive = 32.0
    """Weight of the adapter times its rank, > 0."""
    dropout: ShareBelowOne = 0.05
    """Share of an adapter's inputs that is dropped in training, in [0, 1)."""
    targets: str | tuple[str, ...] = ALL_LINEAR
    """``all-linear``, or names of linear layers or their last parts, such as ``q_proj``."""
    seed: Seed = 0
    """Seed of the initial A; B starts at 0."""

    @property
    def scale(self) -> float:
        """The factor of the product of A and B, alpha / rank."""
        return self.alpha / self.rank


Affine: TypeAlias = nn.Linear | Conv1D
"""Layers that multiply by a matrix; GPT-2's ``Conv1D`` keeps it transposed, (d_in, d_out)."""


class LoRALinear(nn.Module):
    """A frozen linear layer with the adapters of K students.

    Args:
        base: the layer.
        settings: of the adapters.
        first: the factors A of the layer and of those that read the same.
        number: which of them is the layer's, in the order in which these are made.

    Attributes:
        lora_B: (K, r, d_out) in 32 bits, 0 at first.
    """

    def __init__(self, base: Affine, settings: LoRASettings, first: Siblings, number: int) -> None:
        super().__init__()
        self.base, self.scale, self.first, self.number = base, settings.scale, first, number
        self.layout = first.layout
        shape = (self.layout.n_students, settings.rank, sides(base)[1])
        self.lora_B = nn.Parameter(torch.zeros(shape, device=base.weight.device))
        assert number == len(first.layers)
        first.layers.append(self)

    @property
    def lora_A(self) -> torch.Tensor:
        """Columns of ``first``, (K, d_in, r), uniform in +-1/sqrt(d_in) at first, as PEFT's."""
        return self.first.weight[..., slice(*self.first.columns(self.number))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of the layer for rows of any students, (..., d_in) -> (..., d_out)."""
        return self.first.output(x, self.number)

    def add(self, x: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The output for ``x`` (..., d_in) and its product with the first factor, (n_rows, r)."""
        delta = multiply(low, self.lora_B, self.layout)
        y = apply_shared(self.base, x, self.layout)
        return torch.add(y, delta.view(y.shape), alpha=self.scale)

    @torch.no_grad()
    def merge_into(self, weight: torch.Tensor, student: int) -> None:
        """Write ``W + scale (A B)^T`` of a student to ``weight``, in the form ``base`` has it."""
        base, a, b = self.base.weight, self.lora_A[student], self.lora_B[student]
        first, second = (b.mT, a.mT) if isinstance(self.base, nn.Linear) else (a, b)
        if base.dtype == a.dtype:
            torch.addmm(base, first, second, alpha=self.scale, out=weight)
        else:
            weight.copy_(torch.addmm(base.to(a.dtype), first, second, alpha=self.scale))


def sides(layer: Affine) -> tuple[int, int]:
    """The numbers of inputs and outputs of a layer."""
    first, second = layer.weight.shape
    return (second, first) if isinstance(layer, nn.Linear) else (first, second)


_OF_EXPERTS = ("gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
"""Layers that peft takes for experts, by their last name, in models that keep experts fused."""

_BYPASSED = {"out_proj": ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")}
"""Layers whose weights the fast kernels of these models read by themselves; peft refuses them."""


def adaptable(model: Any) -> dict[str, Affine]:
    """The layers of ``ALL_LINEAR``: all except the head and those that peft cannot adapt."""
    head, kind = model.get_output_embeddings(), model.config.model_type
    skipped = {last for last, kinds in _BYPASSED.items() if kind in kinds}
    if fused_experts(model):
        skipped.update(_OF_EXPERTS)
    layers = dict(model.named_modules()).items()
    return {
        name: layer
        for name, layer in layers
        if isinstance(layer, nn.Linear | Conv1D)
        and layer is not head
        and "Router" not in type(layer).__name__  # a linear layer that returns something else
        and name.rpartition(".")[2] not in skipped
    }


def fused_experts(model: Any) -> list[str]:
    """Names of the tensors of three axes in which a model keeps its experts."""
    return [name for name, p in model.named_parameters() if p.dim() == 3 and "expert" in name]


def to_adapt(model: Any, settings: LoRASettings) -> dict[str, Affine]:
    """The layers of ``model`` that ``settings`` give adapters, by name, whatever the backend.

    Experts that a model keeps in one tensor of three axes are no layers and have no adapters: a
    warning says so.

    Raises:
        ConfigError: if no layer has one of the target names.
    """
    known = adaptable(model)
    if settings.targets == ALL_LINEAR:
        chosen = known
        if fused := fused_experts(model):
            warnings.warn(
                f"the experts of {type(model).__name__} ({fused[0]} and {len(fused) - 1} more "
                "tensors) are frozen: adapters are on linear layers, such as those of attention; "
                "adaptation='full' trains all weights",
                stacklevel=2,
            )
    else:
        named = settings.targets
        targets = {named} if isinstance(named, str) else {*named}
        chosen = {n: m for n, m in known.items() if {n, n.rpartition(".")[2]} & targets}
    if not chosen:
        names = sorted({name.rpartition(".")[2] for name in known})
        raise ConfigError(
            f"no linear layer to adapt is named {settings.targets!r}; "
            f"there are: {', '.join(names) or 'none'}"
        )
    return chosen


def add_adapters(model: Any, settings: LoRASettings, layout: Layout) -> dict[str, LoRALinear]:
    """Freeze ``model`` and give its target layers adapters, in place; layers by name.

    Raises:
        ConfigError: if no linear layer has one of the target names.
    """
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(settings.seed)
    chosen, adapted = to_adapt(model, settings), dict[str, LoRALinear]()
    for name, module in chosen.items():
        siblings = siblings_of(name, list(chosen))
        first = next((adapted[other].first for other in siblings if other in adapted), None)
        d_in, _ = sides(module)
        shape = (layout.n_students, d_in, settings.rank)
        if first is None:
            device = module.weight.device
            first = Siblings(
                len(siblings), shape, dropout=settings.dropout, layout=layout, device=device
            )
        layer = LoRALinear(module, settings, first, siblings.index(name)).train(module.training)
        start = torch.rand(d_in, settings.rank, generator=generator)
        layer.lora_A.data.copy_((2 * start - 1) / math.sqrt(d_in))
        replace_module(model, name, layer)
        adapted[name] = layer
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
