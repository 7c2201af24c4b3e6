"""Batches of several students as few packed forward passes, with the gradients of padded ones.

Responses that were sampled to one prompt share it: it is read once, and each of them continues it.
"""

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
    """Token ids that are read: all but the last of a text, which has nothing to predict. A prompt
    that several share is a text of its own, and what follows it in each of them is another."""
    n_data: tuple[int, ...]
    """Examples per student, shape (K,)."""
    n_read: tuple[int, ...]
    """Tokens read per student, shape (K,)."""
    n_targets: tuple[int, ...]
    """Rows with a loss per student, shape (K,)."""
    rows: torch.Tensor
    """Rows of the hidden states with a loss, shape (n,)."""
    targets: Targets
    parents: tuple[int | None, ...] = ()
    """The text that each continues, as a number; None = none. Empty where no text does."""


@dataclass(frozen=True, slots=True)
class Together:
    """Data that share a prompt, or one that shares none."""

    data: tuple[Datum, ...]
    prompt: tuple[int, ...]
    """The prompt that is read once for all of them; empty = each reads its own."""


_MOST_TOGETHER = 4096
"""Tokens of data that share a prompt: each sees some of them, so attention takes their square."""


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
        taken: dict[int, list[Together]] = {}
        seen: set[int] = set()
        left, n_tokens = [], 0
        for student, piece in pieces:
            size = sum(map(_n_together, piece))
            # A piece that has to wait lets no later one of its student overtake it.
            if student not in seen and (not taken or n_tokens + size <= budget):
                taken[student] = piece
                n_tokens += size
            else:
                left.append((student, piece))
            seen.add(student)
        yield _pack([taken.get(k, []) for k in range(len(batches))], scales)
        pieces = left


def _split(batch: Sequence[Datum], budget: int) -> Iterator[list[Together]]:
    by_prompt: dict[object, list[Datum]] = {}
    for datum in sorted(batch, key=lambda d: len(d.texts[0].ids)):
        by_prompt.setdefault(_prompt(datum) or id(datum), []).append(datum)
    together = (
        Together(tuple(run), _prompt(run[0]) if len(run) > 1 else ())
        for own in by_prompt.values()
        for run in split_by_tokens(own, _n_read, min(budget, _MOST_TOGETHER))
    )
    return split_by_tokens(together, _n_together, budget)


def _prompt(datum: Datum) -> tuple[int, ...]:
    """The tokens that are read of a sampled response's prompt; empty for other data."""
    (text, *others) = datum.texts
    if datum.sampled is None or others or text.images or not text.n_rows:
        return ()
    return text.ids[: next(i for i, weight in enumerate(text.weights) if weight)]


def _n_together(together: Together) -> int:
    """Tokens that are read, a shared prompt once."""
    return sum(map(_n_read, together.data)) - (len(together.data) - 1) * len(together.prompt)


def _n_read(datum: Datum) -> int:
    """All tokens but the last of each text, which has nothing to predict."""
    return datum.n_tokens - len(datum.texts)


def _pack(pieces: Sequence[Sequence[Together]], scales: Sequence[float]) -> Pass:
    texts: list[tuple[int, ...]] = []
    parents: list[int | None] = []
    rows: list[int] = []
    n_read, n_targets = [], []
    start = 0

    def read(ids: tuple[int, ...], parent: int | None = None) -> int:
        """The beginning of a text that is read from now on."""
        nonlocal start
        texts.append(ids)
        parents.append(parent)
        start += len(ids)
        return start - len(ids)

    for piece in pieces:
        first, n_before = start, len(rows)
        for together in piece:
            prompt = together.prompt
            begun = read(prompt) if prompt else 0
            parent = len(texts) - 1 if prompt else None
            for text in (text for datum in together.data for text in datum.texts):
                after = read(text.ids[len(prompt) : -1], parent) - len(prompt)
                rows += [
                    place + (begun if place < len(prompt) else after)
                    for place, weight in enumerate(text.weights[1:])
                    if weight
                ]
        n_read.append(start - first)
        n_targets.append(len(rows) - n_before)
    by_student = [[datum for together in piece for datum in together.data] for piece in pieces]
    data = tuple(datum for own in by_student for datum in own)
    of_data = [scale for own, scale in zip(by_student, scales, strict=True) for _ in own]
    return Pass(
        data,
        tuple(texts),
        tuple(map(len, by_student)),
        tuple(n_read),
        tuple(n_targets),
        torch.tensor(rows, dtype=torch.long),
        targets_of(data, of_data),
        tuple(parents) if any(parent is not None for parent in parents) else (),
    )
