"""``few-shot``: solved exercises as aids, for what a student can do when it is shown how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, Classroom
from teachgym.agents.uniform import Uniform
from teachgym.errors import UnsupportedError
from teachgym.settings import Few, checked
from teachgym.types import Obs, Transition


class FewShot:
    """Teaches every skill alike, and puts solved exercises of the task before the prompts.

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
    def __init__(self, classroom: Classroom, *, shots: Few = 2, separator: str = "\n\n") -> None:
        self.classroom, self.shots, self.separator = classroom, shots, separator
        names = tuple(skill.name for skill in classroom.skills)
        self._orders = Uniform(Cells(names, classroom.levels))
        self._given = False
        self._rng = np.random.default_rng(0)

    def reset(self, seed: int) -> None:
        """Draw other exercises for another seed."""
        self._given, self._rng = False, np.random.default_rng(seed)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Equal shares, (n_skills, n_levels)."""
        if not self._given and self.classroom.probes is not None:
            self.classroom.probes.aid(self._demonstrations())
            self._given = True
        return self._orders.act(observation)

    def observe(self, transition: Transition) -> None:
        """Nothing to learn."""

    def _demonstrations(self) -> dict[str, str]:
        """Aids by skill."""
        texts: dict[str, list[str]] = {skill.name: [] for skill in self.classroom.skills}
        pool = self.classroom.syllabus.train
        for place in self._rng.permutation(len(pool)):
            example = pool[place]
            if example.images:
                raise UnsupportedError(
                    "few-shot shows exercises as texts, and those of this task have images; choose "
                    "another teacher"
                )
            if len(texts[example.skill]) < self.shots:
                shown = example.question.transcript
                texts[example.skill].append(f"{shown}{example.target}{self.separator}")
        return {skill: "".join(found) for skill, found in texts.items() if found}
