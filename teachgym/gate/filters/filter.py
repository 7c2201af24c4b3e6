"""``Filter``: chooses the examples of a batch to learn, and may ask the student first."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import Probes, Task
from teachgym.types import Data

Memory = dict[str, Any]
"""The memory of a filter from one step to the next: JSON values."""


@runtime_checkable
class Filter(Protocol):
    """Chooses among the examples that the gate's checks accept.

    A filter keeps nothing in itself, so that episodes can be forked and resumed: what it needs
    again it writes into the ``memory`` that it is handed.
    """

    @abstractmethod
    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> Sequence[str | None]:
        """The fault of each example, in order; None = the student may learn it.

        Args:
            data: at least one example, auxiliary text among them.
            probes: asks the student, at the expense of the episode. What it raises need not be
                caught: without an answer nothing of the batch is trained on.
            rng: equal for equal seed and step.
            memory: empty in the first step; afterwards what was left in it.
        """


class Asking(Filter):
    """A filter that asks the student, so there must be one student alone."""

    @classmethod
    def asks(cls, settings: Mapping[str, Any]) -> bool:
        """Whether it asks with these settings; by default, with all."""
        return True


def require_single_answers(task: Task) -> None:
    """Raise ``ConfigError`` for a task that answers back: one answer does not make a grade."""
    if task.max_turns > 1:
        raise ConfigError(
            f"task {task.name!r} answers back, and single answers are graded here; choose a filter "
            "that grades nothing, such as 'loss'"
        )


def all_but_highest(
    scores: Sequence[float], share: float, what: str, groups: Sequence[Hashable] | None = None
) -> list[str | None]:
    """The faults of all but the ``share`` of a batch with the highest scores.

    Of n examples the ceiling of share * n stay; of equal scores the earlier is higher. What has no
    score (nan) is lowest.

    Args:
        scores: one per example.
        share: in (0, 1].
        what: the score in words, for the fault.
        groups: what each example belongs to, such as its skill, to keep the share of each group;
            None = all are one.

    Example:
        >>> all_but_highest([0.1, 0.9, 0.5], 0.5, "score")
        ['score 0.1 is not among the highest, from 0.5 on', None, None]
    """
    faults: list[str | None] = [None] * len(scores)
    members: dict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups or [None] * len(scores)):
        members[group].append(place)
    for places in members.values():
        ranked = sorted(places, key=lambda i: math.inf if math.isnan(scores[i]) else -scores[i])
        kept = math.ceil(round(share * len(places), 6))
        for place in ranked[kept:]:
            found, least = scores[place], scores[ranked[kept - 1]]
            faults[place] = f"{what} {found:.3g} is not among the highest, from {least:.3g} on"
    return faults
