"""Candidate answers to exercises, right or wrong, by who gave them: nobody, or students."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from teachgym.engines.mistakes import Mistakes
from teachgym.protocols import Meter, Student, Task
from teachgym.types import Cost, Data, Example, score_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer to an exercise that the task has judged."""

    text: str
    is_wrong: bool
    author: str = ""
    """The name of the student who gave it; empty = it is no student's."""


class Candidates(Protocol):
    """Answers to the exercises of a batch."""

    @abstractmethod
    def pick(self, example: Example, lot: float, *, wrong: bool) -> Candidate | None:
        """An answer to an exercise of the batch; None = there is none.

        Args:
            example: with its right target.
            lot: in [0, 1); decides among several answers.
            wrong: whether a wrong one is wanted.
        """


class BorrowedAnswers(Candidates):
    """Right targets, and as wrong ones those to other exercises (``Mistakes``)."""

    def __init__(self, task: Task, data: Data) -> None:
        self._mistakes = Mistakes(task, data)

    def pick(self, example: Example, lot: float, *, wrong: bool) -> Candidate:
        """The kind of answer that is wanted."""
        text = self._mistakes.instead(example, lot) if wrong else example.target
        return Candidate(text, wrong)


class StudentAnswers(Candidates):
    """Greedy answers of students, judged by the task's grader.

    An answer counts as right with full marks. Those that cannot be graded are left out.

    Args:
        task: grades the answers.
        students: by name.
        data: the batch, asked at once.
        meter: charges every answer as a call of the teacher, with its tokens, of which only those
            read are known before; None = nobody pays. What it does not pay for is not asked.
    """

    def __init__(
        self, task: Task, students: Mapping[str, Student], data: Data, meter: Meter | None
    ) -> None:
        self._task, self._data, self._meter = task, data, meter
        self._given = defaultdict[tuple[str, str], list[Candidate]](list)
        for name, student in students.items():
            if asked := self._paid(student):
                self._ask(name, student, asked)

    def pick(self, example: Example, lot: float, *, wrong: bool) -> Candidate | None:
        """An answer of the kind that is wanted; of the other kind, if all are of that."""
        given = self._given[_key(example)]
        fitting = [candidate for candidate in given if candidate.is_wrong == wrong] or given
        return fitting[int(lot * len(fitting))] if fitting else None

    def _paid(self, student: Student) -> Data:
        """The exercises, from the first, that a student can be asked; they are charged."""
        if self._meter is None:
            return self._data
        for count, example in enumerate(self._data):
            if self._meter.exhausted():
                return self._data[:count]
            read = student.count_tokens([example.question.transcript])
            self._meter.record(Cost(teacher_calls=1, teacher_tokens_in=read))
        return self._data

    def _ask(self, name: str, student: Student, asked: Data) -> None:
        student.read_key(asked)
        answers = student.generate([e.question for e in asked], stop=self._task.stop)
        if self._meter is not None:
            self._meter.record(Cost(teacher_tokens_out=student.count_tokens(answers)))
        grades = self._task.grade_all(asked, answers)
        for example, answer, grade in zip(asked, answers, grades, strict=True):
            if (score := score_of(grade)) == score:  # nan was not measured
                self._given[_key(example)].append(Candidate(answer, score < 1, name))


def _key(example: Example) -> tuple[str, str]:
    return example.identity, example.target
