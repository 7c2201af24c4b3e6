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
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
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
    """The kernels that compute what every module they would serve computes, as tried here."""
    like = next(model.parameters())
    found, refused = dict[int, Replacement](), set[int]()
    for module in model.modules():
        kind: Any = type(module)
        for one in (_norm(kind), _gated(kind), _rotary(kind)):
            if one is not None and id(one) not in refused:
                found[id(one)] = one
                if not _agrees(one, module, like):
                    refused.add(id(one))
    return tuple(one for key, one in found.items() if key not in refused)


@contextmanager
def replaced(those: Sequence[Replacement]) -> Iterator[None]:
    """Within, the kernels take the places of what they replace.

    Other models of the class are not concerned: on CPUs and in 32 bits a kernel calls what it
    stands for. Backward passes run without, so nothing may be recomputed in them, and what a kernel
    has saved serves one of them alone.
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


@cache  # so that "own" is never a kernel, whoever is in the middle of a pass
def _norm(kind: type[nn.Module]) -> Replacement | None:
    """A norm by root mean squares over the last axis, where an instance has a weight for it."""
    own: Any = kind.forward
    if not kind.__name__.endswith("RMSNorm") or own is nn.RMSNorm.forward:
        return None

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        weight = self._parameters.get("weight")
        x = given[0] if len(given) == 1 and not named else None
        if x is None or weight is None or not _takes(x):
            return own(self, *given, **named)
        if weight.dtype != x.dtype or weight.shape != x.shape[-1:]:
            return own(self, x)
        state = vars(self)
        epsilon = state.get("variance_epsilon", state.get("eps"))
        return F.rms_norm(x, weight.shape, weight, epsilon)

    return Replacement(kind, "forward", own, forward)


_PARTS = frozenset({"gate_proj", "up_proj", "down_proj", "act_fn"})
"""The parts of a gated layer. Code that names anything else does something else, too: it
clamps, scales or drops."""


@cache
def _gated(kind: type[nn.Module]) -> Replacement | None:
    """A feed-forward layer gated by SiLU."""
    own: Any = kind.forward
    if not inspect.isfunction(own) or set(own.__code__.co_names) != _PARTS or not _has_liger():
        return None
    from liger_kernel.ops.swiglu import LigerSiLUMulFunction

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        x = given[0] if len(given) == 1 and not named else None
        if x is None or not _takes(x) or not _is_silu(self.act_fn):
            return own(self, *given, **named)
        gated: Any = LigerSiLUMulFunction.apply(self.gate_proj(x), self.up_proj(x))
        return self.down_proj(gated)

    return Replacement(kind, "forward", own, forward)


def _is_silu(activation: nn.Module) -> bool:
    return type(activation).__name__ in ("SiLU", "SiLUActivation")  # torch's, transformers'


_ROTATE = "apply_rotary_pos_emb"
"""The name that it has everywhere in transformers."""


@cache
def _rotary(kind: type[nn.Module]) -> Replacement | None:
    """The rotation of queries and keys, of the code that an attention layer is written in."""
    is_called = inspect.isfunction(kind.forward) and _ROTATE in kind.forward.__code__.co_names
    return _rotation(kind.__module__) if is_called and _has_liger() else None


@cache
def _rotation(home: str) -> Replacement | None:
    """The rotation that a module of Python holds."""
    own: Any = vars(sys.modules[home]).get(_ROTATE)
    if own is None:
        return None
    from liger_kernel.ops.rope import LigerRopeFunction

    def rotate(*given: Any, **named: Any) -> Any:
        if named or len(given) != 4 or not _takes(given[0]):
            return own(*given, **named)
        q, k, cos, sin = given
        if cos.ndim != 3 or cos.dtype != q.dtype or cos.shape[-1] != q.shape[-1]:
            return own(*given)  # heads that are turned in part, too
        n_rows, n_tokens = len(q), q.shape[2]
        # Of one text whatever they are of: the kernel is compiled for each number of texts.
        angles = (x.expand(n_rows, -1, -1).reshape(1, -1, x.shape[-1]) for x in (cos, sin))
        turned: Any = LigerRopeFunction.apply(*map(_as_one_text, (q, k)), *angles)[:2]
        # Views alone: the gradient of an index would be copied into zeros.
        return tuple(
            x.transpose(1, 2).flatten(0, 1).unflatten(0, (n_rows, n_tokens)).transpose(1, 2)
            for x in turned
        )

    return Replacement(sys.modules[home], _ROTATE, own, rotate)


def _as_one_text(heads: torch.Tensor) -> torch.Tensor:
    """(B, H, T, D) -> (1, H, B T, D)."""
    return heads.transpose(1, 2).flatten(0, 1)[None].transpose(1, 2)


@cache
def _has_liger() -> bool:
    return find_spec("liger_kernel") is not None


@torch.no_grad()
def _agrees(one: Replacement, module: nn.Module, like: torch.Tensor) -> bool:
    """Whether the kernel computes for ``module`` what its code does, to the rounding of 16 bits.

    Tried on small, usual and large numbers of the type and device of ``like``.
    """
    weight = next(module.parameters(), None)
    if weight is None:
        return True  # of a norm, which keeps its code
    width = weight.shape[-1]
    generator = torch.Generator(like.device)

    def inputs(scale: float) -> tuple[Any, ...]:
        def draw(*shape: int) -> torch.Tensor:
            drawn = torch.randn(shape, generator=generator, device=like.device)
            return (scale * drawn).to(like.dtype)

        generator.manual_seed(0)
        if one.name != _ROTATE:
            return module, draw(3, 5, width)
        size = int(vars(module).get("head_dim", 64))
        angles = draw(3, 5, size // 2).repeat(1, 1, 2)
        return draw(3, 4, 5, size), draw(3, 2, 5, size), angles.cos(), angles.sin()

    try:
        for scale in (1e-3, 1.0, 30.0):
            found, own = (_tensors(function(*inputs(scale))) for function in (one.kernel, one.own))
            for a, b in zip(found, own, strict=True):
                if not bool((a.float() - b.float()).norm() <= 0.01 * b.float().norm()):
                    return False
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of compilers and drivers, too
        warnings.warn(
            f"{one.name} of {type(module).__name__} keeps its code: {error}", stacklevel=2
        )
        return False
    return True


def _tensors(output: Any) -> tuple[torch.Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)
