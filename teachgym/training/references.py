"""References: the student's probabilities of its data before training.

It is the reference of a loss, whose log-probabilities are numbers, so that no second copy of the
weights is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest

import torch

from teachgym.training.datum import Datum, is_referred
from teachgym.training.losses import Needs

Score = Callable[[Sequence[Sequence[Datum]]], Iterable[tuple[Datum, torch.Tensor]]]
"""A batch of each student -> each example with the log-probabilities of its rows, (n_rows,)."""


def refer(
    made: Sequence[Sequence[list[Datum]]], epochs: int, needs: Needs, score: Score
) -> Sequence[Sequence[list[Datum]]]:
    """The same batches, with references if a loss with ``needs`` wants them.

    They are read in the batches of the first epoch, so that at the first update a student is its
    own reference to the last bit, if nothing is dropped.

    Args:
        made: batches of each student.
        epochs: how many times the batches contain every example.
        needs: of the loss.
        score: how log-probabilities are computed.
    """
    if not needs.references:
        return made
    known: dict[int, Datum] = {}
    first = [own[: len(own) // epochs] for own in made]
    for now in zip_longest(*first, fillvalue=()):
        referred = [[datum for datum in batch if is_referred(datum, needs)] for batch in now]
        for datum, logprobs in score(referred):
            known[id(datum)] = replace(datum, references=tuple(logprobs.tolist()))
    return [[[known.get(id(d), d) for d in batch] for batch in own] for own in made]
