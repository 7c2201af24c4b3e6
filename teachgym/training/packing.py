"""Batches of several students as few packed forward passes, with the gradients of padded ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from teachgym.students.network import split_by_tokens
from teachgym.training.datum import Datum
from teachgym.training.losses import Targets


@dataclass(frozen=True)
class Pass:
    """What goes through the model at once: some texts of some students, in order of students."""

    texts: tuple[tuple[int, ...], ...]
    """Token ids that are read: all but the last of a datum, which has nothing to predict."""
    n_read: tuple[int, ...]
    """Tokens read per student, shape (K,)."""
    n_targets: tuple[int, ...]
    """Rows with a loss per student, shape (K,)."""
    rows: torch.Tensor
    """Rows of the hidden states with a loss, shape (n,)."""
    targets: Targets


def passes(batches: Sequence[Sequence[Datum]], budget: int) -> Iterator[Pass]:
    """Forward passes over ``batches[k]`` of student k, of at most ``budget`` tokens if possible.

    How a student's batch is split depends on the batch alone; pieces of several students share a
    pass. Within a piece, texts are sorted by length, so that equal ones can be attended to at
    once; a mean does not depend on their order.
    """
    scales = [1 / total if (total := sum(d.n_targets for d in b)) else 0.0 for b in batches]
    pieces = [
        (student, piece) for student, batch in enumerate(batches) for piece in _split(batch, budget)
    ]
    while pieces:
        taken: dict[int, list[Datum]] = {}
        left, n_tokens = [], 0
        for student, piece in pieces:
            size = sum(map(_n_read, piece))
            if student not in taken and (not taken or n_tokens + size <= budget):
                taken[student] = piece
                n_tokens += size
            else:
                left.append((student, piece))
        yield _pack([taken.get(k, []) for k in range(len(batches))], scales)
        pieces = left


def _split(batch: Sequence[Datum], budget: int) -> Iterator[list[Datum]]:
    by_length = sorted(batch, key=lambda d: len(d.ids))
    return split_by_tokens(by_length, _n_read, budget)


def _n_read(datum: Datum) -> int:
    """All tokens but the last, which has nothing to predict."""
    return len(datum.ids) - 1


def _pack(pieces: Sequence[Sequence[Datum]], scales: Sequence[float]) -> Pass:
    texts: list[tuple[int, ...]] = []
    rows: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    owners: list[int] = []
    n_read, n_targets = [], []
    start = 0
    for piece, scale in zip(pieces, scales, strict=True):
        first, n_before = start, len(rows)
        for datum in piece:
            for place, weight in enumerate(datum.weights[1:]):
                if weight:
                    rows.append(start + place)
                    labels.append(datum.ids[place + 1])
                    weights.append(weight * scale)
                    owners.append(len(texts))
            texts.append(datum.ids[:-1])
            start += _n_read(datum)
        n_read.append(start - first)
        n_targets.append(len(rows) - n_before)
    places, right, of = (torch.tensor(x, dtype=torch.long) for x in (rows, labels, owners))
    targets = Targets(right, torch.tensor(weights), of)
    return Pass(tuple(texts), tuple(n_read), tuple(n_targets), places, targets)
