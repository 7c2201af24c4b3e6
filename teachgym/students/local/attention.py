"""Attention over packed texts and over slots of a static cache, put into Hugging Face models.

Models of transformers look their attention up by name and hand it queries, keys and values after
position embeddings. ``NAME`` is registered there once; what it does is decided by the ``plan``
that a forward pass is given. Shapes: B batch, T tokens, H heads, G key heads (H is a multiple of
G), D head size, S slots, L positions of a slot.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from teachgym.errors import LocalBackendError
from teachgym.students.local.kernels import HALVES
from teachgym.students.local.scores import Scoring
from teachgym.students.local.varlen import attend_to_own

NAME = "teachgym"
"""The name for ``model.set_attn_implementation``."""


class AttentionPlan(Protocol):
    """A plan of attention between tokens in one forward pass."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Attend: (B, H, T, D), keys (B, G, T, D) and values (B, G, T, E) -> (B, T, H, E)."""


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
    softcap: float | None = None,
    sliding_window: int | None = None,
    s_aux: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """The function that transformers calls for attention; the plan does the work.

    Raises:
        LocalBackendError: without a plan.
    """
    if plan is None:
        raise LocalBackendError(
            f"{type(module).__name__} does not hand its arguments to its attention"
        )
    scoring = Scoring(scaling, dropout, softcap, sliding_window, s_aux)
    # Looked up where it matters alone: compiled code is shared by layers that differ in nothing.
    layer = -1 if isinstance(plan, Packed | Branched | Segments) else module.layer_idx
    return plan.attend(layer, query, key, value, scoring), None


AttentionInterface.register(NAME, attention)


@dataclass(frozen=True)
class Packed:
    """A plan for texts one after another in one row: each token sees its own text up to itself."""

    lengths: tuple[int, ...]
    """Tokens of each text."""
    device: torch.device
    """The device that they are on."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Call ``varlen_attn`` on GPUs; elsewhere attend once per run of texts of equal length."""
        if q.is_cuda and q.dtype in HALVES:
            out = attend_to_own(q, k, v, self._ends, max(self.lengths), scoring)
            if out is not None:
                return out
        pieces, start = [], 0
        for length, run in itertools.groupby(self.lengths):
            stop = start + length * len(list(run))
            # (1, heads, n * length, D) -> (n, heads, length, D)
            n = (stop - start) // length
            queries, keys, values = (
                x[0, :, start:stop].reshape(x.shape[1], n, length, -1).transpose(0, 1)
                for x in (q, k, v)
            )
            out = _attend_causally(queries, keys, values, scoring)
            pieces.append(out.transpose(1, 2).flatten(0, 1))
            start = stop
        return torch.cat(pieces)[None]  # (1, n * length, H, E)

    @cached_property
    def _ends(self) -> torch.Tensor:
        """Positions at which each text begins and the last one ends, shape (n_texts + 1,)."""
        ends = [0, *itertools.accumulate(self.lengths)]
        return torch.tensor(ends, dtype=torch.int32, device=self.device)


@dataclass(frozen=True)
class Segments:
    """A plan like ``Packed`` for texts whose lengths only the device knows; some may be empty."""

    ends: torch.Tensor
    """Positions at which each text begins and the last one ends, int32, shape (n_texts + 1,)."""
    numbers: torch.Tensor
    """Text of each token, shape (T,)."""
    positions: torch.Tensor
    """Position of each token in its text, shape (T,)."""
    longest: int
    """No text has more tokens."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Call ``varlen_attn`` on GPUs; elsewhere, and where it cannot, attend by a mask (T, T)."""
        if q.is_cuda and q.dtype in HALVES:
            out = attend_to_own(q, k, v, self.ends, self.longest, scoring)
            if out is not None:
                return out
        mask = self._own
        if scoring.window is not None and scoring.window < self.longest:
            mask = mask & (self._apart < scoring.window)
        return _attend_to(mask, q, k, v, scoring).transpose(1, 2)

    @cached_property
    def _apart(self) -> torch.Tensor:
        """The number of positions from each token to each other, (T, T)."""
        return self.positions[:, None] - self.positions

    @cached_property
    def _own(self) -> torch.Tensor:
        """The tokens of the same text that are not later, bool, (T, T)."""
        is_own = self.numbers[:, None] == self.numbers
        return is_own & (self.positions[:, None] >= self.positions)


@dataclass(frozen=True)
class Branched:
    """A plan like ``Packed`` for texts of which some continue an earlier one, which they see.

    The texts that continue one follow it directly, and it continues none itself.
    """

    lengths: tuple[int, ...]
    """Tokens of each text."""
    parents: tuple[int | None, ...]
    """Number of the text that each continues; None = none."""
    positions: torch.Tensor
    """The positions of the tokens, those of the continued text counted along, shape (T,)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Attend once for each text that others continue, with all of these."""
        pieces = []
        for start, stop, mask in self._trees:
            queries, keys, values = (x[:, :, start:stop] for x in (q, k, v))
            if mask is None:
                out = _attend_causally(queries, keys, values, scoring)
            else:
                seen = mask
                if scoring.window is not None and scoring.window < stop - start:
                    seen = seen & (self._apart(start, stop) < scoring.window)
                out = _attend_to(seen, queries, keys, values, scoring)
            pieces.append(out.transpose(1, 2))
        return torch.cat(pieces, dim=1)

    @cached_property
    def _trees(self) -> list[tuple[int, int, torch.Tensor | None]]:
        """The texts that continue none, each with those that continue it: start, stop, mask.

        The mask says which of the tokens between see which, bool, (n, n); None = all before them.
        """
        roots = [i for i, parent in enumerate(self.parents) if parent is None]
        starts = [0, *itertools.accumulate(self.lengths)]
        trees = []
        for root, after in itertools.pairwise([*roots, len(self.lengths)]):
            start, stop = starts[root], starts[after]
            mask = None
            if after > root + 1:
                texts = torch.arange(after - root).repeat_interleave(
                    torch.tensor(self.lengths[root:after])
                )
                texts = texts.to(self.positions.device)
                mask = (texts[:, None] == texts) | (texts == 0)
                mask = mask & (self._apart(start, stop) >= 0)
            trees.append((start, stop, mask))
        return trees

    def _apart(self, start: int, stop: int) -> torch.Tensor:
        """The number of positions from each token of a part to each other, (n, n)."""
        own = self.positions[start:stop]
        return own[:, None] - own


class SlotCache:
    """A cache of the keys and values of S answers in progress, L positions each, allocated once.

    Args:
        n_slots: S.
        length: L.
    """

    def __init__(self, n_slots: int, length: int) -> None:
        self.n_slots, self.length = n_slots, length
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def layer(
        self, index: int, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys (S, G, L, D) and values (S, G, L, E) of a layer, shaped as its ``k`` and ``v``.

        They are zeros the first time.
        """
        if index not in self._layers:
            new = [x.new_zeros(self.n_slots, x.shape[1], self.length, x.shape[3]) for x in (k, v)]
            self._layers[index] = (new[0], new[1])
        return self._layers[index]

    def copy(self, sources: Sequence[int], targets: Sequence[int], length: int) -> None:
        """Copy the first positions of each slot of ``sources`` to that of ``targets``.

        No slot is in both.
        """
        layers = [x for layer in self._layers.values() for x in layer]
        device = layers[0].device
        rows, into = (torch.tensor(slots, device=device) for slots in (sources, targets))
        for stored in layers:
            stored[into, :, :length] = stored[rows, :, :length]


@dataclass(frozen=True)
class Prefill:
    """A plan for packed prompts whose keys and values go to slots of a cache."""

    cache: SlotCache
    packed: Packed
    slots: torch.Tensor
    """Slot of each token, shape (T,)."""
    positions: torch.Tensor
    """Position of each token, shape (T,)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Attend as ``Packed`` does, and remember keys and values."""
        for stored, new in zip(self.cache.layer(layer, k, v), (k, v), strict=True):
            stored[self.slots, :, self.positions] = new[0].transpose(0, 1)
        return self.packed.attend(layer, q, k, v, scoring)


@dataclass(frozen=True)
class Extend:
    """A plan for packed texts that continue the contents of their slots."""

    cache: SlotCache
    packed: Packed
    rows: tuple[int, ...]
    """Slot of each text, shape (n,)."""
    starts: tuple[int, ...]
    """Positions that each slot holds already, shape (n,)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Write new keys and values, then attend to what each slot holds, texts side by side."""
        stored, (texts, places, positions) = self.cache.layer(layer, k, v), self._tokens
        for cached, new in zip(stored, (k, v), strict=True):
            cached[self._rows[texts], :, positions] = new[0].transpose(0, 1)
        n, longest = len(self.rows), max(self.packed.lengths)
        queries = q.new_zeros(n, longest, q.shape[1], q.shape[3])
        queries[texts, places] = q[0].transpose(0, 1)
        mask = self._visible
        length = mask.shape[-1]
        if scoring.window is not None and scoring.window < length:
            mask = mask & mask.flip(-1).cumsum(-1).flip(-1).le(scoring.window)
        keys, values = (cached[self._rows, :, :length] for cached in stored)
        out = _attend_to(mask, queries.transpose(1, 2), keys, values, scoring)
        return out.transpose(1, 2)[texts, places][None]

    @cached_property
    def _rows(self) -> torch.Tensor:
        return torch.tensor(self.rows, device=self.packed.device)

    @cached_property
    def _tokens(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The text, the place in it and the position of each token, shape (T,) each."""
        lengths = self.packed.lengths
        places = torch.cat([torch.arange(n) for n in lengths])
        texts = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
        positions = places + torch.tensor(self.starts)[texts]
        texts, places, positions = (x.to(self.packed.device) for x in (texts, places, positions))
        return texts, places, positions

    @cached_property
    def _visible(self) -> torch.Tensor:
        """The positions each token sees up to itself, bool, (n, 1, longest text, all positions)."""
        ends = [start + n for start, n in zip(self.starts, self.packed.lengths, strict=True)]
        device = self.packed.device
        last = torch.tensor(self.starts, device=device)[:, None] + torch.arange(
            max(self.packed.lengths), device=device
        )
        return (torch.arange(max(ends), device=device) <= last[..., None])[:, None]


@dataclass(frozen=True)
class Decode:
    """A plan for one new token in each of the first ``len(positions)`` slots of a cache."""

    cache: SlotCache
    rows: torch.Tensor
    """0, 1, 2 ..., shape (n,)."""
    positions: torch.Tensor
    """The positions of the new tokens, shape (n,)."""
    visible: torch.Tensor
    """The positions that each may look at, bool, shape (n, 1, 1, length)."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Write the new keys and values, then attend to all that is visible."""
        n, length = len(self.rows), self.visible.shape[-1]
        keys, values = self.cache.layer(layer, k, v)
        keys[self.rows, :, self.positions] = k[:, :, 0]
        values[self.rows, :, self.positions] = v[:, :, 0]
        keys, values = keys[:n, :, :length], values[:n, :, :length]
        mask = self.visible
        if scoring.window is not None and scoring.window < length:
            mask = mask & ~visible(self.positions - scoring.window, length)
        elif q.is_cuda and scoring.is_plain:
            mask = self._added(q.dtype)
        return _attend_to(mask, q, keys, values, scoring).transpose(1, 2)

    def _added(self, dtype: torch.dtype) -> torch.Tensor:
        """The summand of scores, 0 or -inf; torch would make it anew from a mask in each layer.

        Shape (n, 1, 1, length).
        """
        if dtype not in self._made:
            zeros = torch.zeros_like(self.visible, dtype=dtype)
            self._made[dtype] = zeros.masked_fill(~self.visible, -torch.inf)
        return self._made[dtype]

    @cached_property
    def _made(self) -> dict[torch.dtype, torch.Tensor]:
        return {}


def _attend_causally(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
) -> torch.Tensor:
    """Attend in texts of one length T: (n, H, T, D), (n, G, T, D), (n, G, T, E) -> (n, H, T, E)."""
    length = q.shape[2]
    is_windowed = scoring.window is not None and scoring.window < length
    if scoring.is_plain and not is_windowed:
        return _attend(q, k, v, scoring, is_causal=length > 1)
    mask = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
    if scoring.window is not None and is_windowed:
        mask = mask.triu(1 - scoring.window)
    return _attend_to(mask, q, k, v, scoring)


def _attend_to(
    mask: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
) -> torch.Tensor:
    """Attend to what a mask shows, by torch's kernels where they know the scoring."""
    if scoring.is_plain:
        return _attend(q, k, v, scoring, attn_mask=mask)
    return attend_in_groups(q, k, v, mask, scoring)


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring, **options: Any
) -> torch.Tensor:
    """Scaled dot product attention that shares key heads where there are fewer of them."""
    return scaled_dot_product_attention(
        q,
        k,
        v,
        scale=scoring.scale,
        dropout_p=scoring.dropout,
        enable_gqa=q.shape[1] != k.shape[1],
        **options,
    )


def attend_in_groups(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scoring: Scoring
) -> torch.Tensor:
    """Explicit attention for scores that torch's kernels do not support: caps and sinks.

    Keys and values are not repeated for the heads that share them.

    Args:
        q: (n, H, T, D).
        k: (n, G, L, D).
        v: (n, G, L, E).
        mask: what is seen, bool, (T, L) or (n, 1, T, L).
        scoring: how scores become weights.

    Returns:
        Outputs, (n, H, T, E).
    """
    n, n_heads, n_queries, d_head = q.shape
    shape = (n, k.shape[1], n_heads // k.shape[1], n_queries)  # (n, G, H / G, T)
    scale = d_head**-0.5 if scoring.scale is None else scoring.scale
    scores = (q.reshape(*shape, d_head) @ k[:, :, None].mT) * scale
    if scoring.softcap is not None:
        scores = scoring.softcap * torch.tanh(scores / scoring.softcap)
    scores = scores.masked_fill(~(mask[:, :, None] if mask.dim() == 4 else mask), -torch.inf)
    if scoring.sinks is not None:
        sinks = scoring.sinks.to(scores.dtype).view(1, shape[1], shape[2], 1, 1)
        scores = torch.cat([scores, sinks.expand(*shape, 1)], -1)
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)[..., : k.shape[2]]
    weights = torch.dropout(weights, scoring.dropout, train=scoring.dropout > 0)
    return (weights @ v[:, :, None]).reshape(n, n_heads, n_queries, -1)


def visible(positions: torch.Tensor, length: int) -> torch.Tensor:
    """A mask that is True up to and including each position; (n,) -> (n, 1, 1, length)."""
    return (torch.arange(length, device=positions.device) <= positions[:, None])[:, None, None]
