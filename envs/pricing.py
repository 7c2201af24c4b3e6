"""Costs reserved for the next evaluation: estimates from measurements, with a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

from teachgym.protocols import Student, Trainer
from teachgym.types import CURRENCIES, Cost, Example, Report

MARGIN = 1.2
"""Answers may grow by this factor from one evaluation to the next before they are cut short."""

FOR_TRAINING = frozenset(CURRENCIES) - {"steps", "examples", "seconds"}
"""Currencies whose price is asked before training."""

_CANDIDATES = 16
"""Short texts whose training is priced to find the cheapest."""


def price_answers(count: int, *, tokens: int, answers: int, most: int) -> int:
    """Tokens reserved for ``count`` answers; all that the student writes to an item is one answer.

    Args:
        count: how many answers are wanted.
        tokens: what the last evaluation wrote.
        answers: how many answers those were; 0 = nothing was measured.
        most: the most tokens one answer can have, in all turns.

    Example:
        >>> price_answers(10, tokens=100, answers=20, most=32)
        60
        >>> price_answers(10, tokens=100, answers=20, most=5)
        50
    """
    if answers == 0:
        return count * most
    measured = math.ceil(round(MARGIN * tokens * count / answers, 6))
    return min(count * most, max(measured, count))


class Answers:
    """The cost of a student's answers, from the length of those in a report."""

    def __init__(self, student: Student, max_turns: int = 1) -> None:
        self._student, self._max_turns = student, max_turns
        self._measured: tuple[Report, int] | None = None

    def tokens(self, report: Report) -> int:
        """The tokens of all answers; those of the last report are not counted again."""
        if self._measured is None or self._measured[0] is not report:
            tokens = self._student.count_tokens(
                [text for p in report.predictions for text in p.responses]
            )
            self._measured = report, tokens
        return self._measured[1]

    def price(self, report: Report, count: int) -> Cost:
        """The cost reserved for ``count`` answers as long as those of the report, with a margin."""
        return Cost(
            generated_tokens=price_answers(
                count,
                tokens=self.tokens(report),
                answers=len(report.predictions),
                most=self._student.max_new_tokens * self._max_turns,
            )
        )


def paid_for(tokens: Sequence[int], allowance: float) -> int:
    """The number of answers, from the first, that ``allowance`` pays for.

    Example:
        >>> paid_for([3, 4, 5], 7.0)
        2
    """
    total = 0
    for place, price in enumerate(tokens):
        total += price
        if total > allowance:
            return place
    return len(tokens)


def cheapest(report: Report, student: Student, trainer: Trainer[Student]) -> Example:
    """The item of ``report`` that is cheapest to train on, among those with the shortest texts."""
    by_length = sorted(
        (p.example for p in report.predictions),
        key=lambda e: len(e.question.transcript) + len(e.target),
    )
    return min(by_length[:_CANDIDATES], key=lambda e: trainer.cost(student, (e,)).train_tokens)
