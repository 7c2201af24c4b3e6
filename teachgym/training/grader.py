"""``Grader``: grades for trainers, without access to the task or its held-out items."""

from __future__ import annotations

import math
from collections.abc import Sequence

from teachgym.capability import Capability
from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.types import EXERCISE, Example, score_of


class Grader:
    """Grades a student's answers to training examples.

    Raises:
        ConfigError: for a task that answers back, whose conversations one answer does not make.

    Example:
        >>> from teachgym.testing import ToyTask
        >>> grader = Grader(ToyTask())
        >>> grader.grade([Example("copy: ab", "ab", "copy")] * 2, ["ab", "ba"])
        [1.0, 0.0]
    """

    __slots__ = ("_call", "stop")

    def __init__(self, task: Task) -> None:
        if task.max_turns > 1:
            raise ConfigError(
                f"task {task.name!r} answers back, and single answers are graded here; choose a "
                "trainer that samples nothing (trainer='auto')"
            )
        self.stop: tuple[str, ...] = task.stop
        """Strings after which the grader reads no further."""
        held_out = {e.id for split in ("val", "test") for e in task.examples(split)}
        held_out -= {"", *(e.id for e in task.examples("train"))}

        def grade(examples: Sequence[Example], responses: Sequence[str]) -> list[float]:
            # Tasks may grade by the id, and so tell the answers of val and test.
            if named := [e.id for e in examples if e.id in held_out]:
                raise ConfigError(f"{named[0]!r} is held out; only training examples are graded")
            places = [place for place, e in enumerate(examples) if e.kind == EXERCISE]
            own, said = [examples[p] for p in places], [responses[p] for p in places]
            scores = [math.nan] * len(examples)
            for place, grade in zip(places, task.grade_all(own, said), strict=True):
                scores[place] = float(score_of(grade))
            return scores

        self._call = Capability(grade=grade)

    def grade(self, examples: Sequence[Example], responses: Sequence[str]) -> list[float]:
        """The score of each response, in [0, 1]; nan = not measurable, such as auxiliary text."""
        scores: list[float] = self._call("grade", examples, responses)
        return scores
