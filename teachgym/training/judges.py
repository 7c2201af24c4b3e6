"""Judges of how good answers are, or which of two is better: the task, or a teacher model."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from teachgym.protocols import Student
from teachgym.training.grader import Grader
from teachgym.types import Cost, Data

JudgedBy = Literal["task", "teacher"]
"""The judge that a trainer follows."""


class Judge(Protocol):
    """Scores answers, for a price that is bounded before."""

    @abstractmethod
    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        """The score of each answer to each example, in [0, 1], nan = not known; and the price."""

    @abstractmethod
    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        """The most that judging ``k`` answers of ``longest`` tokens to each example can cost."""


class Comparison(Protocol):
    """Says which of two answers is better, and may go by which of them it sees first."""

    @abstractmethod
    def compare(
        self, examples: Data, firsts: Sequence[str], seconds: Sequence[str]
    ) -> tuple[list[float], Cost]:
        """The preference between two answers to each example, and the price.

        1 = the first is better, 0 = the second, 1/2 = neither; nan = not known.
        """


@dataclass(frozen=True)
class ByScore(Comparison):
    """Prefers the answer with the higher score, whichever stands first."""

    judge: Judge

    def compare(
        self, examples: Data, firsts: Sequence[str], seconds: Sequence[str]
    ) -> tuple[list[float], Cost]:
        """See ``Comparison``; all answers are judged in one call."""
        scores, cost = self.judge.judge((*examples, *examples), (*firsts, *seconds))
        ahead = np.subtract(scores[: len(firsts)], scores[len(firsts) :])
        return ((np.sign(ahead) + 1) / 2).tolist(), cost


@dataclass(frozen=True)
class TaskJudge(Judge):
    """The task, which is not paid for."""

    grader: Grader

    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        """The grades."""
        return self.grader.grade(examples, answers), Cost()

    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        """Nothing."""
        return Cost()


@dataclass(frozen=True)
class LikelihoodJudge(Judge):
    """A language model, to which an answer is as good as it is likely.

    The score is the geometric mean of the probabilities of the answer's tokens, its end included,
    in (0, 1]. It depends on how sure the model is of the form, too, so it orders the answers to one
    question and says less of those to different ones.
    """

    student: Student

    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        """See ``Judge``; prompts and answers are charged as tokens read."""
        told = self.student.logprobs([e.question for e in examples], answers)
        scores = [math.exp(float(np.mean(each))) if len(each) else math.nan for each in told]
        read = self._prompts(examples) + self.student.count_tokens(answers)
        return scores, Cost(teacher_tokens_in=read)

    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        """Each prompt with each answer."""
        return Cost(teacher_tokens_in=k * (self._prompts(examples) + longest * len(examples)))

    def _prompts(self, examples: Data) -> int:
        return self.student.count_tokens([e.question.transcript for e in examples])
