"""Exams: the student's answers to exercises that a teacher may see, charged like probes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.errors import ConfigError
from teachgym.protocols import Probes
from teachgym.types import Data, Example, Prediction


def probes_of(classroom: Classroom) -> Probes:
    """The probes of the student; raises ``ConfigError`` if there are none."""
    if classroom.probes is None:
        raise ConfigError("this teacher examines the student, and here no student can be probed")
    return classroom.probes


def draw(classroom: Classroom, count: int, rng: np.random.Generator) -> Data:
    """Draw ``count`` of the task's training exercises, or all of them if there are fewer."""
    pool = classroom.syllabus.train
    return tuple(pool[place] for place in rng.permutation(len(pool))[:count])


def examine(
    classroom: Classroom, items: Sequence[Example], *, shown: str = ""
) -> tuple[Prediction, ...]:
    """The student's graded answers to exercises, with a text before each prompt.

    Raises:
        BudgetError: if the answers cannot be paid for.
    """
    answers = probes_of(classroom).greedy(items, prefix=shown)
    return grade(classroom, items, answers)


def grade(
    classroom: Classroom, items: Sequence[Example], answers: Sequence[str]
) -> tuple[Prediction, ...]:
    """Answers to exercises, with the scores that the task gives them."""
    scores = map(classroom.syllabus.grade, items, answers)
    return tuple(map(Prediction, items, answers, scores))


def wrong(answers: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """The measured answers that are not fully right."""
    return tuple(answer for answer in answers if answer.score < 1)
