"""Authors: writers of the answers that a student may be trained on, with their prices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from teachgym.protocols import Student
from teachgym.types import Cost, Prompt

Answers = list[list[str]]
"""The answers to each of several questions."""


@dataclass(frozen=True)
class Draw:
    """A way to draw answers: the arguments of ``Student.sample``."""

    k: int
    """The answers to each question."""
    temperature: float
    seed: int
    stop: Sequence[str] = ()


class Author(Protocol):
    """Answers questions, for a price that is bounded before."""

    @abstractmethod
    def write(self, questions: Sequence[Prompt], draw: Draw) -> tuple[Answers, Cost]:
        """At most ``draw.k`` answers to each question, and their price."""

    @abstractmethod
    def bound(self, questions: Sequence[Prompt], k: int) -> Cost:
        """The most that ``k`` answers to each question can cost."""


@dataclass(frozen=True)
class ModelAuthor(Author):
    """A language model.

    Args:
        student: the model.
        taught: whether it is the student itself, whose tokens are charged as generated ones and
            not as a teacher's.
    """

    student: Student
    taught: bool = False

    def write(self, questions: Sequence[Prompt], draw: Draw) -> tuple[Answers, Cost]:
        """See ``Author``; what its text becomes when it is read again is not charged."""
        answers = self.student.sample(questions, **vars(draw))
        tokens = self.student.count_tokens([text for own in answers for text in own])
        tokens = min(tokens, self._longest(questions, draw.k))
        return answers, self._price(questions, draw.k, tokens)

    def bound(self, questions: Sequence[Prompt], k: int) -> Cost:
        """The price if every answer is as long as it may be."""
        return self._price(questions, k, self._longest(questions, k))

    def _longest(self, questions: Sequence[Prompt], k: int) -> int:
        return k * self.student.max_new_tokens * len(questions)

    def _price(self, questions: Sequence[Prompt], k: int, tokens: int) -> Cost:
        """The cost of answers of so many tokens."""
        if self.taught:
            return Cost(generated_tokens=tokens)
        read = self.student.count_tokens([question.transcript for question in questions])
        calls = k * len(questions)
        return Cost(teacher_calls=calls, teacher_tokens_in=read, teacher_tokens_out=tokens)
