"""Metrics of groups with two questions about two pictures.

After NaturalBench (Li et al. 2024, arXiv 2410.14669, section 3): a question counts if it is
answered right about both pictures, a picture if both questions about it are, a group if all four
are. Whoever does not look gives one answer to both pictures, so it has none of the questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from teachgym.metrics import group_accuracy
from teachgym.types import Example, Prediction, Score

MEMBERS = 4
"""Items of a group."""


class Place(NamedTuple):
    """The place of an item among the four of its group."""

    group: str
    question: int
    """0 or 1."""
    picture: int
    """0 or 1."""


def paired_accuracies(
    predictions: Iterable[Prediction], place: Callable[[Example], Place]
) -> dict[str, Score]:
    """The shares of questions, of pictures and of groups that are all right, by name.

    A pair or a group of which items are missing among the predictions is left out.
    """
    found = [(p, place(p.example)) for p in predictions]
    return {
        "question_accuracy": _whole(found, 2, lambda at: (at.group, at.question)),
        "picture_accuracy": _whole(found, 2, lambda at: (at.group, -1, at.picture)),
        "group_accuracy": _whole(found, MEMBERS, lambda at: (at.group,)),
    }


def _whole(
    found: Sequence[tuple[Prediction, Place]], size: int, key: Callable[[Place], Hashable]
) -> Score:
    """The share of sets of ``size`` items with one key that are all right."""
    sizes = Counter(key(at) for _, at in found)
    keys = {p.example: key(at) for p, at in found if sizes[key(at)] == size}
    return group_accuracy((p for p, _ in found if p.example in keys), keys.__getitem__)
