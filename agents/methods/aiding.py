"""Teachers that decide what stands before prompts: what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, Classroom
from teachgym.agents.uniform import Uniform
from teachgym.errors import BudgetError, UnsupportedError
from teachgym.protocols import Teacher
from teachgym.types import Aid, Example, Obs

BETWEEN = "\n\n"
"""Stands between solved exercises, and before the prompt."""


class AidingTeacher(Teacher[Obs, NDArray[np.float32]]):
    """Orders what ``uniform`` orders, and chooses aids for the aided evaluations.

    So its student is that of ``uniform``, and every step shows what that student can do by itself,
    and what with aids.
    """

    def __init__(self, classroom: Classroom) -> None:
        self.classroom = classroom
        names = tuple(skill.name for skill in classroom.skills)
        self.cells = Cells(names, classroom.levels)
        self._orders = Uniform(self.cells)
        self.rng = np.random.default_rng(0)

    @abstractmethod
    def choose(self, observation: Obs) -> Sequence[Aid] | None:
        """The aids from now on; None = those there are. Probes may refuse (``BudgetError``)."""

    def reset(self, seed: int) -> None:
        """Draw other exercises for another seed."""
        self.rng = np.random.default_rng(seed)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Equal shares, (n_skills, n_levels)."""
        if self.classroom.probes is not None:
            with suppress(BudgetError):
                if (aids := self.choose(observation)) is not None:
                    self.classroom.probes.aid(aids)
        return self._orders.act(observation)

    def draw(self) -> dict[str, list[Example]]:
        """The task's own training exercises by skill, in an order that chance decides."""
        pool = self.classroom.syllabus.train
        found: dict[str, list[Example]] = {name: [] for name in self.cells.skills}
        for place in self.rng.permutation(len(pool)):
            example = pool[place]
            if example.images:
                raise UnsupportedError(
                    f"{self.name} shows exercises as texts, and those of this task have images; "
                    "choose another teacher"
                )
            found[example.skill].append(example)
        return found


def shown(solved: Iterable[Example], separator: str = BETWEEN) -> str:
    """Solved exercises as a text to stand before a prompt."""
    return "".join(f"{e.question.transcript}{e.target}{separator}" for e in solved)
