"""Wrong targets in the right format: the answers to other exercises of the batch."""

from __future__ import annotations

from collections.abc import Iterable

from teachgym.protocols import Task
from teachgym.types import EXERCISE, Example, score_of


class Mistakes:
    """Wrong targets for the exercises of a batch.

    Args:
        task: grades candidates.
        data: the batch; auxiliary text offers nothing.
    """

    def __init__(self, task: Task, data: Iterable[Example]) -> None:
        self._task = task
        offers: dict[tuple[str, float | None], set[str]] = {}
        for example in data:
            if example.kind == EXERCISE:
                offers.setdefault((example.skill, example.difficulty), set()).add(example.target)
        self._offers = {cell: sorted(found) for cell, found in offers.items()}

    def instead(self, example: Example, lot: float) -> str:
        """A wrong target for an exercise of the batch.

        It is that of another exercise of its skill and difficulty, one that the task does not give
        full marks; where there is none, its own target reversed, or else doubled.

        Args:
            example: with its right target.
            lot: in [0, 1), from where on the others are tried.
        """
        offers = self._offers[example.skill, example.difficulty]
        first = int(lot * len(offers))
        candidates = (*offers[first:], *offers[:first], example.target[::-1])
        wrong = (target for target in candidates if self._is_wrong(example, target))
        return next(wrong, example.target * 2)

    def _is_wrong(self, example: Example, target: str) -> bool:
        """Whether it is a wrong answer, and not the rejected one of a preference pair."""
        if target in (example.target, example.rejected):
            return False
        return score_of(self._task.grade(example, target)) < 1
