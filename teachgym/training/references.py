"""What a student thinks of the responses in its data before it is trained on them.

The reference of ``teachgym.training.losses.Dpo`` is the student itself at that moment, so its
log-probabilities are numbers, and no second copy of the weights is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice, zip_longest

import torch

from teachgym.training.datum import Datum

Score = Callable[[Sequence[Sequence[Datum]]], Iterable[tuple[Sequence[Datum], torch.Tensor]]]
"""A batch of each student -> examples with the log-probabilities of their rows, (n_rows,)."""


def refer(
    made: Sequence[Sequence[list[Datum]]], epochs: int, score: Score
) -> list[list[list[Datum]]]:
    """The same batches, with references in every pair.

    They are read in the batches of the first epoch, so that at the first update a student is its
    own reference to the last bit, if nothing is dropped.

    Args:
        made: batches of each student.
        epochs: how many times the batches contain every example.
        score: how log-probabilities are computed.
    """
    known: dict[int, Datum] = {}
    first = [own[: len(own) // epochs] for own in made]
    for now in zip_longest(*first, fillvalue=()):
        pairs = [[datum for datum in batch if datum.rejected] for batch in now]
        for data, logprobs in score(pairs):
            rest = iter(logprobs.tolist())
            for datum in data:
                own = tuple(islice(rest, datum.n_rows))
                known[id(datum)] = replace(datum, references=own)
    return [[[known.get(id(d), d) for d in batch] for batch in own] for own in made]
