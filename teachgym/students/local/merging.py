"""A student's weights merged into a plain model, which answers many prompts fastest."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from teachgym.students.local.network import Network, copy_sharing
from teachgym.students.lora import Affine, LoRALinear, replace_module


class Merged:
    """A copy of a network for answering; its own weights are rewritten in place.

    With adapters it shares everything but the adapted layers with the network, whose adapters
    are merged into them: ``W + scale (A B)^T``. Without, it is a copy in another precision.

    Args:
        network: whose students answer.
        adapters: its adapted layers by name; {} = none.
        dtype: of the copy.
    """

    def __init__(
        self, network: Network, adapters: Mapping[str, LoRALinear], dtype: torch.dtype
    ) -> None:
        self._source: Any = network.model
        self._adapters = adapters
        if adapters:
            model: Any = copy_sharing(network.model)
            for name, layer in adapters.items():
                replace_module(model, name, _like(layer.base))
        else:
            model = copy.deepcopy(network.model).to(dtype)
        kernels = network.kernels if adapters else None  # of another precision: others
        self.network = Network(model.requires_grad_(False).eval(), kernels)

    @torch.no_grad()
    def of(self, student: int) -> Network:
        """The copy with the present weights of ``student``."""
        model: Any = self.network.model
        for name, layer in self._adapters.items():
            layer.merge_into(model.get_submodule(name).weight, student)
        if not self._adapters:
            for target, source in zip(model.parameters(), self._source.parameters(), strict=True):
                target.copy_(source)
        return self.network


def _like(layer: Affine) -> Affine:
    """A layer of the same shape with the same bias and a weight of its own."""
    weight = nn.Parameter(torch.empty_like(layer.weight))
    same = copy.deepcopy(layer, {id(layer.weight): weight, id(layer.bias): layer.bias})
    return same
