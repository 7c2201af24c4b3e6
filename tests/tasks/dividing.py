"""A task that divides given problems, as those of data sets do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teachgym.settings import CountFromOne, FewOrNone, checked
from teachgym.tasks.problem_splits import Problem, ProblemSplits, ProblemsTask
from teachgym.types import Example, Skill


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class Dividing(ProblemsTask):
    """A task whose items nobody asks for."""

    skills = (Skill("skill"),)

    val_per_cell: CountFromOne = 4
    shots: FewOrNone = 0

    def of(self, train: Sequence[Problem], test: Sequence[Problem]) -> ProblemSplits:
        """The splits of these problems."""
        return self.divide("toy-v0", (train, test), self.val_per_cell, self.shots)

    def grade(self, example: Example, response: str) -> float:
        """Not asked for."""
        raise NotImplementedError
