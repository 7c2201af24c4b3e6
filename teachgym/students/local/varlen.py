"""Attention within packed texts by torch's kernel for variable lengths, if there is one.

``varlen_attn`` came with torch 2.10, and has learnt to take a scale, a window and shared key heads
since; what a version does not take is done before the call, or not at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from teachgym.students.local.scores import Scoring

try:
    from torch.nn.attention.varlen import varlen_attn as _varlen_attn
except ImportError:  # torch 2.9
    _varlen_attn = None  # type: ignore[assignment]  # the name of a function


def attend_to_own(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    ends: torch.Tensor,
    longest: int,
    scoring: Scoring,
    *,
    kernel: Callable[..., Any] | None = _varlen_attn,
) -> torch.Tensor | None:
    """Let each token attend to its own text up to itself, (1, H, T, D) -> (1, T, H, E).

    Args:
        q: (1, H, T, D).
        k: (1, G, T, D).
        v: (1, G, T, E).
        ends: where each text begins and the last one ends, int32, (n_texts + 1,).
        longest: tokens of the longest text.
        scoring: how scores become weights.
        kernel: torch's ``varlen_attn`` of any version.

    Returns:
        None where the kernel cannot do it.
    """
    takes = _parameters(kernel) if kernel else frozenset()
    windowed = scoring.window is not None and scoring.window < longest
    causal = _causal(takes, (scoring.window or 0) - 1 if windowed else -1)
    if kernel is None or causal is None or scoring.dropout or not scoring.is_plain:
        return None
    options = dict(causal)
    # Not by an index, whose gradient is copied into zeros.
    q, k, v = (x.squeeze(0).transpose(0, 1) for x in (q, k, v))
    if q.shape[1] != k.shape[1]:
        if "enable_gqa" in takes:
            options["enable_gqa"] = True
        elif "window_size" not in takes:  # torch 2.11 shares them without being told
            k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    if scoring.scale is not None:
        if "scale" in takes:
            options["scale"] = scoring.scale
        else:  # the kernel divides by sqrt(D)
            q = q * (scoring.scale * q.shape[-1] ** 0.5)
    d_value = v.shape[-1]
    if d_value < q.shape[-1]:  # the kernel has heads of one size
        v = torch.nn.functional.pad(v, (0, q.shape[-1] - d_value))
    out: Any = kernel(q, k, v, ends, ends, longest, longest, **options)
    return torch.as_tensor(out)[None, ..., :d_value]


@cache
def _parameters(kernel: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(kernel).parameters)


def _causal(takes: frozenset[str], before: int) -> dict[str, Any] | None:
    """The arguments for a view of ``before`` earlier positions, -1 = all; None = impossible."""
    if "window_size" in takes:
        return {"window_size": (before, 0)}
    return {"is_causal": True} if "is_causal" in takes and before < 0 else None
