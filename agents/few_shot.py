"""``few-shot``: solved exercises as aids, to show what a student can do with demonstrations."""

from __future__ import annotations

from teachgym.agents.context import Classroom
from teachgym.agents.methods.aiding import BETWEEN, AidingTeacher, shown
from teachgym.settings import Few, checked
from teachgym.types import Aid, Obs


class FewShot(AidingTeacher):
    """Teaches every skill equally, and puts solved exercises of the task before the prompts.

    So every step shows what the student can do by itself, and what with ``shots`` demonstrations
    of the skill in its context (Brown et al. 2020, arXiv 2005.14165, section 2). They are drawn
    once per episode from the task's own training examples; a skill without any gets none.

    Args:
        classroom: the task without its held-out splits.
        shots: solved exercises before each prompt.
        separator: between them, and before the prompt.
    """

    name = "few-shot"

    @checked
    def __init__(self, classroom: Classroom, *, shots: Few = 2, separator: str = BETWEEN) -> None:
        super().__init__(classroom)
        self.shots, self.separator, self._given = shots, separator, False

    def reset(self, seed: int) -> None:
        """Draw other exercises for another seed."""
        super().reset(seed)
        self._given = False

    def choose(self, observation: Obs) -> tuple[Aid, ...] | None:
        """Demonstrations for each skill, in the first step."""
        if self._given:
            return None
        self._given = True
        return tuple(
            Aid(shown(solved[: self.shots], self.separator), skill)
            for skill, solved in self.draw().items()
            if solved
        )
