"""``oracle``: a teacher model that knows what is right, and is wrong at a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from hashlib import sha256

from teachgym.given import Given
from teachgym.protocols import Task
from teachgym.settings import Seed, Share, checked
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


@checked
@dataclass(frozen=True)
class Oracle(TeacherModel):
    """Judges answers as the task grades them, and errs.

    It judges alone; answers that are wrong at a rate are the engine's under ``stress``.
    """

    task: Given[Task]
    """Knows what is right."""
    _: KW_ONLY
    noise: Share = 0.0
    """Share of its judgements that are turned round, in [0, 1]."""
    seed: Seed = 0
    """Decides which, >= 0."""
    reads = False

    @property
    def identity(self) -> str:
        """Its errors."""
        return f"oracle {self.noise} {self.seed}"

    @cached_property
    def judge(self) -> ErringJudge:
        """The task, with errors."""
        return ErringJudge(Grader(self.task), self.noise, self.seed)
