"""Attention over packed texts and over slots of a static cache, put into Hugging Face models.

Models of transformers look their attention up by name and hand it queries, keys and values after
position embeddings. ``NAME`` is registered there once; what it does is decided by the ``plan``
that a forward pass is given. Shapes: B batch, T tokens, H heads, G key heads (H is a multiple of
G), D head size, S slots, L positions of a slot.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from teachgym.errors import ConfigError

NAME = "teachgym"
"""What ``model.set_attn_implementation`` is given."""


class AttentionPlan(Protocol):
    """Who attends to whom in one forward pass."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        """Queries (B, H, T, D), keys and values (B, G, T, D) -> outputs (B, T, H, D).

        ``options``: ``scale`` and ``dropout_p`` of scaled dot product attention.
        """


def attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    plan: AttentionPlan | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls; the plan does the work.

    Raises:
        ConfigError: without a plan, or for a model whose attention needs more than softmax.
    """
    if plan is None:
        raise ConfigError(
            f"{type(module).__name__} does not hand its arguments to its attention; use "
            "student_settings.backend='hf'"
        )
    for extra in ("softcap", "s_aux"):
        if others.get(extra) is not None:
            raise ConfigError(
                f"{type(module).__name__} has attention with {extra}, which is not supported; use "
                "student_settings.backend='hf'"
            )
    out = plan.attend(module.layer_idx, query, key, value, scale=scaling, dropout_p=dropout)
    return out, None


AttentionInterface.register(NAME, attention)


@dataclass(frozen=True)
class Packed:
    """Texts one after another in a single row; each token sees its own text up to itself."""

    lengths: tuple[int, ...]
    """Tokens of each text."""
    device: torch.device
    """Where they are."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        """``varlen_attn`` on GPUs; elsewhere one call for each run of texts of equal length."""
        if q.is_cuda and q.dtype in (torch.bfloat16, torch.float16) and not options["dropout_p"]:
            return self._attend_on_gpu(q, k, v, options["scale"])
        pieces, start = [], 0
        for length, run in itertools.groupby(self.lengths):
            stop = start + length * len(list(run))
            # (1, heads, n * length, D) -> (n, heads, length, D)
            n = (stop - start) // length
            texts = [
                x[0, :, start:stop].reshape(x.shape[1], n, length, -1).transpose(0, 1)
                for x in (q, k, v)
            ]
            out = _attend(*texts, is_causal=length > 1, **options)
            pieces.append(out.transpose(1, 2).flatten(0, 1))  # (n * length, H, D)
            start = stop
        return torch.cat(pieces)[None]

    def _attend_on_gpu(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        from torch.nn.attention.varlen import varlen_attn

        ends, longest = self._ends, max(self.lengths)
        queries, keys, values = (x[0].transpose(0, 1) for x in (q, k, v))  # (T, heads, D)
        out: Any = varlen_attn(
            queries,
            keys,
            values,
            ends,
            ends,
            longest,
            longest,
            scale=scale,
            window_size=(-1, 0),  # causal
            enable_gqa=q.shape[1] != k.shape[1],
        )
        return torch.as_tensor(out)[None]

    @cached_property
    def _ends(self) -> torch.Tensor:
        """Where each text begins and the last one ends, shape (n_texts + 1,)."""
        ends = [0, *itertools.accumulate(self.lengths)]
        return torch.tensor(ends, dtype=torch.int32, device=self.device)


class SlotCache:
    """Keys and values of S answers in progress, L positions each, allocated once.

    Args:
        n_slots: S.
        length: L.
    """

    def __init__(self, n_slots: int, length: int) -> None:
        self.n_slots, self.length = n_slots, length
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def layer(self, index: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, (S, G, L, D) each; zeros the first time."""
        if index not in self._layers:
            shape = (self.n_slots, like.shape[1], self.length, like.shape[3])
            self._layers[index] = (like.new_zeros(shape), like.new_zeros(shape))
        return self._layers[index]

    def move(self, source: int, target: int) -> None:
        """Copy slot ``source`` to slot ``target``."""
        for k, v in self._layers.values():
            k[target].copy_(k[source])
            v[target].copy_(v[source])


@dataclass(frozen=True)
class Prefill:
    """Packed prompts whose keys and values go to slots of a cache."""

    cache: SlotCache
    packed: Packed
    slots: torch.Tensor
    """Slot of each token, shape (T,)."""
    positions: torch.Tensor
    """Position of each token, shape (T,)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        """As ``Packed``, and remember."""
        for stored, new in zip(self.cache.layer(layer, k), (k, v), strict=True):
            stored[self.slots, :, self.positions] = new[0].transpose(0, 1)
        return self.packed.attend(layer, q, k, v, **options)


@dataclass(frozen=True)
class Decode:
    """One new token in each of the first ``len(positions)`` slots of a cache."""

    cache: SlotCache
    rows: torch.Tensor
    """0, 1, 2 ..., shape (n,)."""
    positions: torch.Tensor
    """Of the new tokens, shape (n,)."""
    visible: torch.Tensor
    """Which positions each may look at, bool, shape (n, 1, 1, length)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        """Write the new keys and values, then attend to all that is visible."""
        n, length = len(self.rows), self.visible.shape[-1]
        keys, values = self.cache.layer(layer, k)
        keys[self.rows, :, self.positions] = k[:, :, 0]
        values[self.rows, :, self.positions] = v[:, :, 0]
        keys, values = keys[:n, :, :length], values[:n, :, :length]
        if q.is_cuda and q.shape[1] != k.shape[1]:
            out = attend_in_groups(q, keys, values, self.visible, options["scale"])
        else:
            out = _attend(q, keys, values, attn_mask=self.visible, scale=options["scale"])
        return out.transpose(1, 2)


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any) -> torch.Tensor:
    """Scaled dot product attention, key heads shared where there are fewer of them."""
    shared = q.shape[1] != k.shape[1]
    return scaled_dot_product_attention(q, k, v, enable_gqa=shared, **options)


def attend_in_groups(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float
) -> torch.Tensor:
    """One query (n, H, 1, D) over keys and values (n, G, L, D), each of which is read once.

    On GPUs the masked kernels of torch would first repeat the key heads.
    """
    groups = q.view(q.shape[0], k.shape[1], -1, q.shape[3])  # (n, G, H / G, D)
    scores = (groups @ k.mT * scale).masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
    return (weights @ v).view(q.shape)


def visible(positions: torch.Tensor, length: int) -> torch.Tensor:
    """True up to and including each position; (n,) -> (n, 1, 1, length)."""
    return (torch.arange(length, device=positions.device) <= positions[:, None])[:, None, None]
