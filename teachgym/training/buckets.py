"""Passes padded to a few sizes, so that one captured step serves many batches.

Each student's tokens are filled up with texts that nobody learns from, its rows with rows of weight
0 that belong to no example, and the lists of texts and groups with empty ones. All students have
equally many of everything. Nothing in them was sampled in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass, replace
from itertools import accumulate, chain, islice
from typing import Any

import torch

from teachgym.students.local.attention import Segments
from teachgym.students.local.graphs import bucket
from teachgym.students.local.network import positions_of
from teachgym.training.datum import Datum
from teachgym.training.forward import Reading
from teachgym.training.losses import Pieces, Sizes, Targets, mapped
from teachgym.training.packing import Pass


@dataclass(frozen=True)
class Bucket:
    """The sizes that a pass is padded to."""

    tokens: int
    """Tokens of each student."""
    rows: int
    """Rows with a loss of each student."""
    longest: int
    """Tokens of the longest text."""
    texts: int
    """Texts of all students, and as many groups."""


@dataclass(frozen=True)
class Padded:
    """The tensors of a padded pass, on any device."""

    ids: torch.Tensor
    """Shape (1, K * tokens)."""
    positions: torch.Tensor
    """Shape (1, K * tokens)."""
    numbers: torch.Tensor
    """Text of each token, shape (K * tokens,)."""
    ends: torch.Tensor
    """The beginnings of texts and the end of the last one, int32, shape (texts + 1,)."""
    rows: torch.Tensor
    """The rows of the hidden states, shape (K * rows,)."""
    targets: Targets

    def reading(self, sizes: Bucket) -> Reading:
        """The tensors as a pass reads them, with sizes that do not depend on their contents."""
        plan = Segments(self.ends, self.numbers, self.positions[0], sizes.longest)
        n_students = len(self.rows) // sizes.rows
        n_read, n_targets = ((n,) * n_students for n in (sizes.tokens, sizes.rows))
        return Reading(self.ids, self.positions, plan, n_read, self.rows, n_targets, self.targets)


def bucket_of(one: Pass) -> Bucket:
    """The sizes that a pass is padded to: at most a quarter above its own, beyond the smallest."""
    longest = bucket(max(map(len, one.texts)), least=16)
    tokens = bucket(max(one.n_read), parts=4, least=64)
    n_filling = sum((tokens - n) // longest + 1 for n in one.n_read)
    n_runs = len(one.texts) + len(one.n_read)
    return Bucket(
        tokens,
        bucket(max(1, *one.n_targets), parts=4, least=16),
        longest,
        bucket(max(len(one.texts) + n_filling, n_runs), parts=4, least=8),
    )


def padded(one: Pass, sizes: Bucket) -> Padded:
    """A pass padded to ``sizes``, on the CPU."""
    texts, lengths, ids = iter(one.texts), list[int](), list[int]()
    for own, n_read in zip(_by_student(one), one.n_read, strict=True):
        for text in islice(texts, sum(len(datum.texts) for datum in own)):
            lengths.append(len(text))
            ids += text
        whole, rest = divmod(sizes.tokens - n_read, sizes.longest)
        lengths += [sizes.longest] * whole + [rest]
        ids += [0] * (sizes.tokens - n_read)
    ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
    counts = torch.tensor(one.n_targets)
    starts = torch.arange(len(counts)) * sizes.tokens
    moved = starts - (torch.tensor(one.n_read).cumsum(0) - torch.tensor(one.n_read))
    places = torch.cat([torch.arange(n) + k * sizes.rows for k, n in enumerate(one.n_targets)])
    rows = starts.repeat_interleave(sizes.rows)
    rows[places] = one.rows + moved.repeat_interleave(counts)
    return Padded(
        torch.tensor([ids]),
        positions_of(lengths)[None],
        torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths)),
        torch.cat([ends, ends[-1:].expand(sizes.texts + 1 - len(ends))]),
        rows,
        _targets(one, sizes, places),
    )


def tensors_of(record: Any) -> Iterator[torch.Tensor]:
    """All tensors of a dataclass and of those within it, in order."""
    for value in vars(record).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif is_dataclass(value):
            yield from tensors_of(value)


def _by_student(one: Pass) -> list[list[Datum]]:
    data = iter(one.data)
    return [list(islice(data, n)) for n in one.n_data]


def _targets(one: Pass, sizes: Bucket, places: torch.Tensor) -> Targets:
    """The targets, with rows that belong to nothing after those of each student."""
    told, n = one.targets, sizes.rows * len(one.n_targets)

    def spread(of: torch.Tensor, filling: float = 0) -> torch.Tensor:
        filled = of.new_full((n, *of.shape[1:]), filling)
        filled[places] = of
        return filled

    def runs(rows: Callable[[Datum], Sequence[int]], n_runs: int) -> list[torch.Tensor]:
        """The run of each row, and the rows of each of ``n_runs`` runs."""
        counts: list[int] = []
        for own, n_rows in zip(_by_student(one), one.n_targets, strict=True):
            counts += [*chain(*map(rows, own)), sizes.rows - n_rows]
        numbers = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        return [numbers, torch.tensor([*counts, *[0] * (n_runs - len(counts))])]

    texts, of_texts = runs(lambda d: [t.n_rows for t in d.texts], sizes.texts)
    groups, of_groups = runs(lambda d: [d.n_rows], sizes.texts)
    if (pieces := told.pieces) is not None:
        numbers, of_pieces = runs(
            lambda d: [n_rows for n_rows, _ in d.pieces], n + len(one.n_targets)
        )
        pieces = Pieces(numbers, spread(pieces.logprobs, math.nan), of_pieces)
    return replace(
        mapped(replace(told, pieces=None), spread),
        texts=texts,
        groups=groups,
        pieces=pieces,
        sizes=Sizes(of_groups, of_texts),
    )
