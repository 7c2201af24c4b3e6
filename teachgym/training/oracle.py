"""``oracle``: a teacher model that knows what is right, and is wrong at a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from teachgym.protocols import Task
from teachgym.settings import Seed, Share
from teachgym.training.grader import Grader
from teachgym.training.judges import Judge
from teachgym.training.teacher_models import TeacherModel
from teachgym.types import Cost, Data


@dataclass(frozen=True)
class ErringJudge(Judge):
    """The task's grades, some of them turned round: a verifier with symmetric errors.

    Whether the grade g of an answer becomes 1 - g is decided by exercise and answer, so an answer
    is judged alike however often it is judged. A judgement is a call.
    """

    grader: Grader
    noise: float
    """Share of the judgements that are turned round, in [0, 1]."""
    seed: int

    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        """See ``Judge``."""
        grades = self.grader.grade(examples, answers)
        scores = [
            1 - grade if self._errs(example.identity, answer) else grade
            for example, answer, grade in zip(examples, answers, grades, strict=True)
        ]
        return scores, Cost(teacher_calls=len(answers))

    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        """A call for each answer."""
        return Cost(teacher_calls=k * len(examples))

    def _errs(self, identity: str, answer: str) -> bool:
        digest = sha256(repr((self.seed, identity, answer)).encode()).digest()
        return int.from_bytes(digest[:8], "big") < math.ldexp(self.noise, 64)


@dataclass(frozen=True)
class Oracle(TeacherModel):
    """Judges alone; answers that are wrong at a rate are the engine's under ``stress``."""

    judgements: ErringJudge
    reads = False

    @property
    def identity(self) -> str:
        """Its errors."""
        return f"oracle {self.judgements.noise} {self.judgements.seed}"

    @property
    def judge(self) -> ErringJudge:
        """The task, with errors."""
        return self.judgements


def oracle(task: Task, *, noise: Share = 0.0, seed: Seed = 0) -> Oracle:
    """Judges answers as the task grades them, and errs.

    Args:
        task: knows what is right.
        noise: share of its judgements that are turned round, in [0, 1].
        seed: decides which, >= 0.
    """
    return Oracle(ErringJudge(Grader(task), noise, seed))
