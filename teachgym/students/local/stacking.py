"""All weights of K students stacked, so that one forward pass serves K whole models.

Worth it for models whose work is mostly overhead; LoRA students share their base instead.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from teachgym.errors import LocalBackendError
from teachgym.students.local.layout import Layout, multiply
from teachgym.students.lora import replace_module


class StackedLinear(nn.Module):
    """K linear layers: weight (K, d_out, d_in), bias (K, d_out)."""

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, layout: Layout) -> None:
        super().__init__()
        self.weight, self.bias, self.layout = weight, bias, layout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of each row's student's layer, (..., d_in) -> (..., d_out)."""
        y = multiply(x.reshape(-1, x.shape[-1]), self.weight.mT, self.layout)
        if self.bias is not None:
            y = y + self.layout.spread(self.bias)
        return y.view(*x.shape[:-1], -1)


class StackedEmbedding(nn.Module):
    """K embeddings: weight (K, V, d), of which the vector of the token ``padding`` is not learned.

    A student reads that token where it has written it itself.
    """

    def __init__(self, weight: nn.Parameter, layout: Layout, padding: int | None = None) -> None:
        super().__init__()
        self.weight, self.layout, self.padding = weight, layout, padding

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The vector of each token in its student's table, (B, T) -> (B, T, d)."""
        n_tokens = self.weight.shape[1]
        students = self.layout.students(ids.device).view(ids.shape)
        vectors = F.embedding(ids + n_tokens * students, self.weight.flatten(0, 1))
        if self.padding is None:
            return vectors
        return torch.where((ids == self.padding)[..., None], vectors.detach(), vectors)


class StackedNorm(nn.Module):
    """K normalisations that differ in a vector ``weight`` (K, d) only, as every RMSNorm's."""

    def __init__(self, norm: nn.Module, weight: nn.Parameter, layout: Layout) -> None:
        super().__init__()
        del norm._parameters["weight"]
        self.norm, self.weight, self.layout = norm, weight, layout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of the wrapped layer with the weight of each row's student, shape kept."""
        rows = self.layout.spread(self.weight)
        self.norm.weight = rows.view(x.shape)
        try:
            y: torch.Tensor = self.norm(x)
        finally:
            del self.norm.weight
        return y


def stack_weights(model: Any, layout: Layout) -> dict[str, nn.Parameter]:
    """Give every layer of ``model`` the weights of K students, equal at first, in place.

    Returns the stacked parameters, (K, ...) each, by the names they had.

    Raises:
        LocalBackendError: for a model with other layers than linear ones, embeddings and RMSNorms.
    """
    stacked: dict[int, nn.Parameter] = {}
    names = {id(p): name for name, p in model.named_parameters()}

    def stack(parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None:
            return None
        if id(parameter) not in stacked:  # tied weights stay tied
            copies = parameter.detach().expand(layout.n_students, *parameter.shape).clone()
            stacked[id(parameter)] = nn.Parameter(copies)
        return stacked[id(parameter)]

    for name, module in list(model.named_modules()):
        own = dict(module.named_parameters(recurse=False))
        if not own:
            continue
        weight = stack(getattr(module, "weight", None))
        if weight is None or set(own) - {"weight", "bias"}:
            raise LocalBackendError(_unstackable(name, module))
        new: nn.Module
        forward = type(module).forward  # a class of its own may do more: Gemma 3 scales embeddings
        if forward is nn.Linear.forward:
            new = StackedLinear(weight, stack(module.bias), layout)
        elif forward is nn.Embedding.forward:
            new = StackedEmbedding(weight, layout, module.padding_idx)
        elif set(own) == {"weight"} and weight.ndim == 2 and "RMSNorm" in type(module).__name__:
            new = StackedNorm(module, weight, layout)
        else:
            raise LocalBackendError(_unstackable(name, module))
        replace_module(model, name, new)
    return {names[key]: parameter for key, parameter in stacked.items()}


@torch.no_grad()
def unstack_weights(model: Any, student: int) -> Any:
    """A new model of the class of ``model`` with the weights of one student."""
    state = dict(model.named_parameters())
    with torch.random.fork_rng():  # a new model draws weights
        plain = type(model)(model.config)
    plain.generation_config = copy.deepcopy(model.generation_config)
    for name, parameter in plain.named_parameters():
        parameter.copy_(state[name][student])
    return plain.eval()


def _unstackable(name: str, module: nn.Module) -> str:
    return (
        f"{name} is a {type(module).__name__}, whose weights cannot be stacked; use "
        "student_settings.adaptation='lora', or one student at a time"
    )
