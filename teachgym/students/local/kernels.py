"""Kernels in the place of what a model's own code does between its products, on GPUs.

Norms, rotary positions and gated activations of transformers are some thirty operations a layer.
Each reads and writes all of its numbers, and most of an update's or a decoding step's time is
theirs. torch's fused norm and, with the extra ``gpu``, Liger's kernels (Hsu et al. 2024, arXiv
2410.10989) do the same in five. A kernel is used if it gives what the model's own code gives, to
the rounding of 16 bits.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

HALVES = (torch.bfloat16, torch.float16)
"""Types in which kernels compute; in 32 bits a model's own code has the last digits."""


@dataclass(frozen=True)
class Replacement:
    """A function of transformers and the kernel that takes its place."""

    holder: Any
    """The class or module that has it."""
    name: str
    own: Callable[..., Any]
    kernel: Callable[..., Any]


def replacements(model: nn.Module) -> tuple[Replacement, ...]:
    """All kernels that compute what ``model`` computes, tried on its device."""
    found: dict[tuple[int, str], Replacement] = {}
    for module in model.modules():
        for make in (_norm, _gated, _rotary):
            one = make(module)
            key = one and (id(one.holder), one.name)
            if one and key and key not in found and _agrees(one, module):
                found[key] = one
    return tuple(found.values())


@contextmanager
def replaced(those: Sequence[Replacement]) -> Iterator[None]:
    """Within, the kernels take the places of what they replace.

    Other models of the class are not concerned: on CPUs and in 32 bits a kernel calls what it
    stands for.
    """
    for one in those:
        setattr(one.holder, one.name, one.kernel)
    try:
        yield
    finally:
        for one in those:
            setattr(one.holder, one.name, one.own)


def _takes(x: torch.Tensor) -> bool:
    """Whether kernels compute with a tensor; what is compiled makes kernels of its own."""
    return x.is_cuda and x.dtype in HALVES and not torch.compiler.is_compiling()


def _norm(module: nn.Module) -> Replacement | None:
    """A norm by root mean squares."""
    kind = type(module)
    if not kind.__name__.endswith("RMSNorm") or kind.forward is nn.RMSNorm.forward:
        return None
    own: Any = kind.forward

    def forward(self: Any, hidden_states: torch.Tensor) -> torch.Tensor:
        if not _takes(hidden_states) or self.weight.dtype != hidden_states.dtype:
            normed: torch.Tensor = own(self, hidden_states)
            return normed
        return F.rms_norm(hidden_states, self.weight.shape, self.weight, _epsilon(self))

    return Replacement(kind, "forward", own, forward)


def _epsilon(norm: Any) -> float:
    own = vars(norm)
    return float(own.get("variance_epsilon", own.get("eps")))


def _gated(module: nn.Module) -> Replacement | None:
    """A feed-forward layer gated by SiLU."""
    kind, parts = type(module), dict(module.named_children())
    if not {"gate_proj", "up_proj", "down_proj", "act_fn"} <= parts.keys() or not _has_liger():
        return None
    own: Any = kind.forward
    from liger_kernel.ops.swiglu import LigerSiLUMulFunction

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if not _takes(x):
            computed: torch.Tensor = own(self, x)
            return computed
        gated: Any = LigerSiLUMulFunction.apply(self.gate_proj(x), self.up_proj(x))
        projected: torch.Tensor = self.down_proj(gated)
        return projected

    return Replacement(kind, "forward", own, forward)


_ROTATE = "apply_rotary_pos_emb"
"""The name that it has everywhere in transformers."""


def _rotary(module: nn.Module) -> Replacement | None:
    """The rotation of queries and keys, of the code that an attention layer is written in."""
    forward, home = type(module).forward, sys.modules[type(module).__module__]
    own: Any = vars(home).get(_ROTATE)
    is_called = inspect.isfunction(forward) and _ROTATE in forward.__code__.co_names
    if own is None or not is_called or not _has_liger():
        return None
    from liger_kernel.ops.rope import LigerRopeFunction

    def rotate(q: Any, k: Any, cos: Any, sin: Any, *others: Any, **named: Any) -> Any:
        if others or named or not _takes(q):
            return own(q, k, cos, sin, *others, **named)
        n_rows, n_tokens = len(q), q.shape[2]
        # Of one text whatever they are of: the kernel is compiled for each number of texts.
        angles = (x.expand(n_rows, -1, -1).reshape(1, -1, x.shape[-1]) for x in (cos, sin))
        turned: Any = LigerRopeFunction.apply(*map(_as_one_text, (q, k)), *angles)
        return tuple(
            x.transpose(1, 2).unflatten(1, (n_rows, n_tokens))[0].transpose(1, 2) for x in turned
        )

    return Replacement(home, _ROTATE, own, rotate)


def _as_one_text(heads: torch.Tensor) -> torch.Tensor:
    """(B, H, T, D) -> (1, H, B T, D)."""
    return heads.transpose(1, 2).flatten(0, 1)[None].transpose(1, 2)


def _has_liger() -> bool:
    return find_spec("liger_kernel") is not None


@torch.no_grad()
def _agrees(one: Replacement, module: nn.Module) -> bool:
    """Whether the kernel computes what its function does, on random numbers, to 16 bits."""
    weight = next(module.parameters())
    generator = torch.Generator(weight.device).manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=weight.device).to(weight.dtype)

    def inputs() -> tuple[Any, ...]:
        generator.manual_seed(0)
        if one.name == _ROTATE:
            size = int(getattr(module, "head_dim", 64))
            angles = draw(3, 5, size // 2).repeat(1, 1, 2)
            return draw(3, 4, 5, size), draw(3, 2, 5, size), angles.cos(), angles.sin()
        width = weight.shape[-1]
        return module, draw(3, 5, width)

    # Whatever a model does otherwise, it goes on as it is.
    with suppress(AttributeError, TypeError, ValueError, RuntimeError):
        found, own = (_tensors(function(*inputs())) for function in (one.kernel, one.own))
        pairs = [(a.float(), b.float()) for a, b in zip(found, own, strict=True)]
        return all(bool((a - b).norm() <= 0.01 * b.norm()) for a, b in pairs)
    return False


def _tensors(output: Any) -> tuple[torch.Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)
