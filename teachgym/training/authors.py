"""Who writes the answers that a student may be trained on, and what they charge for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from teachgym.protocols import Student
from teachgym.types import Cost, Prompt

Answers = list[list[str]]
"""The answers to each of several questions."""


class Author(Protocol):
    """Answers questions, for a price that is bounded before."""

    @abstractmethod
    def write(
        self,
        questions: Sequence[Prompt],
        *,
        k: int,
        temperature: float,
        seed: int,
        stop: Sequence[str],
    ) -> tuple[Answers, Cost]:
        """At most ``k`` answers to each question, as ``Student.sample`` says, and their price."""

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

    def write(
        self,
        questions: Sequence[Prompt],
        *,
        k: int,
        temperature: float,
        seed: int,
        stop: Sequence[str],
    ) -> tuple[Answers, Cost]:
        """See ``Author``; what its text becomes when it is read again is not charged."""
        answers = self.student.sample(questions, k=k, temperature=temperature, seed=seed, stop=stop)
        tokens = self.student.count_tokens([text for own in answers for text in own])
        return answers, self._price(questions, k, min(tokens, self._longest(questions, k)))

    def bound(self, questions: Sequence[Prompt], k: int) -> Cost:
        """The price if every answer is as long as it may be."""
        return self._price(questions, k, self._longest(questions, k))

    def _longest(self, questions: Sequence[Prompt], k: int) -> int:
        return k * self.student.max_new_tokens * len(questions)

    def _price(self, questions: Sequence[Prompt], k: int, tokens: int) -> Cost:
        """What answers of so many tokens cost."""
        if self.taught:
            return Cost(generated_tokens=tokens)
        read = self.student.count_tokens([question.transcript for question in questions])
        calls = k * len(questions)
        return Cost(teacher_calls=calls, teacher_tokens_in=read, teacher_tokens_out=tokens)
