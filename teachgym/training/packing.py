"""Batches of several students as few packed forward passes, with the gradients of padded ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from teachgym.students.local.network import split_by_tokens
from teachgym.training.datum import Datum
from teachgym.training.losses import Targets
from teachgym.training.targets import targets_of


@dataclass(frozen=True)
class Pass:
    """The texts of one pass through the model, in order of students."""

    data: tuple[Datum, ...]
    """The examples; rows are in their order."""
    texts: tuple[tuple[int, ...], ...]
    """Token ids that are read: all but the last of a text, which has nothing to predict."""
    n_data: tuple[int, ...]
    """Examples per student, shape (K,)."""
    n_read: tuple[int, ...]
    """Tokens read per student, shape (K,)."""
    n_targets: tuple[int, ...]
    """Rows with a loss per student, shape (K,)."""
    rows: torch.Tensor
    """Rows of the hidden states with a loss, shape (n,)."""
    targets: Targets


def passes(
    batches: Sequence[Sequence[Datum]], budget: int, totals: Sequence[float] | None = None
) -> Iterator[Pass]:
    """Forward passes over ``batches[k]`` of student k, of at most ``budget`` tokens if possible.

    A mean is the sum over the weights of the targets, or over ``totals[k]`` if given.

    How a student's batch is split depends on the batch alone; pieces of several students share a
    pass. Within a piece, examples are sorted by length, so that equal texts can be attended to at
    once; a mean does not depend on their order. All texts of an example are in one piece.
    """
    totals = [sum(d.n_targets for d in b) for b in batches] if totals is None else totals
    scales = [1 / total if total else 0.0 for total in totals]
    pieces = [
        (student, piece) for student, batch in enumerate(batches) for piece in _split(batch, budget)
    ]
    while pieces:
        taken: dict[int, list[Datum]] = {}
        seen: set[int] = set()
        left, n_tokens = [], 0
        for student, piece in pieces:
            size = sum(map(_n_read, piece))
            # A piece that has to wait lets no later one of its student overtake it.
            if student not in seen and (not taken or n_tokens + size <= budget):
                taken[student] = piece
                n_tokens += size
            else:
                left.append((student, piece))
            seen.add(student)
        yield _pack([taken.get(k, []) for k in range(len(batches))], scales)
        pieces = left


def _split(batch: Sequence[Datum], budget: int) -> Iterator[list[Datum]]:
    by_length = sorted(batch, key=lambda d: len(d.texts[0].ids))
    return split_by_tokens(by_length, _n_read, budget)


def _n_read(datum: Datum) -> int:
    """All tokens but the last of each text, which has nothing to predict."""
    return datum.n_tokens - len(datum.texts)


def _pack(pieces: Sequence[Sequence[Datum]], scales: Sequence[float]) -> Pass:
    texts: list[tuple[int, ...]] = []
    rows: list[int] = []
    n_read, n_targets = [], []
    start = 0
    for piece in pieces:
        first, n_before = start, len(rows)
        for text in (text for datum in piece for text in datum.texts):
            rows += [start + place for place, weight in enumerate(text.weights[1:]) if weight]
            texts.append(text.ids[:-1])
            start += len(text.ids) - 1
        n_read.append(start - first)
        n_targets.append(len(rows) - n_before)
    data = tuple(datum for piece in pieces for datum in piece)
    of_data = [scale for piece, scale in zip(pieces, scales, strict=True) for _ in piece]
    places = torch.tensor(rows, dtype=torch.long)
    targets = targets_of(data, of_data)
    n_data = tuple(map(len, pieces))
    return Pass(data, tuple(texts), n_data, tuple(n_read), tuple(n_targets), places, targets)
