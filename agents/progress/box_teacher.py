"""Box algorithms as teachers of a Skill-List environment: tasks are (skill, difficulty)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, Unit, accuracy_of
from teachgym.agents.progress.boxes import BoxSampler, Point
from teachgym.settings import Kept, checked
from teachgym.types import Obs, Transition

MakeBoxSampler = Callable[[NDArray[np.float64], np.random.Generator], BoxSampler]
"""Builds the algorithm for a box with the given sides."""


class BoxTeacher:
    """Draws ``slots`` tasks a step, orders their cells, and reports the accuracy reached there.

    The box is [0, n_skills] x [0, 1]: skill number and difficulty, in units in which the levels
    of one skill are closer to each other than to any other skill. (A box with one difficulty per
    skill would need points of n_skills dimensions, far more than an episode of tens of steps can
    fill.) Neighbouring skill numbers count as similar, which fits task lists that keep subskills of
    a root together.

    A task is moved to the centre of its cell, and each cell drawn is reported once per step,
    since one evaluation says one thing about it. A cell that is drawn for the first time begins
    with the accuracy before the step, so the nearest earlier task is always one of the same cell.
    What was not measured before and after the step is not reported. (RIAC and Covar-GMM compare
    the tasks of a region or a window instead, where cells that differ can look like progress.)

    Args:
        cells: sizes of the environment.
        sampler: builds the algorithm at every reset.
        name: what the teacher is called in tables.
        slots: tasks drawn per step, >= 1; each gets an equal share of the examples.
        credit: whose accuracy is reported for a cell: its ``skill``'s, pooled over levels, or the
            ``cell``'s own, which sees levels apart but is much noisier.
    """

    @checked
    def __init__(
        self,
        cells: Cells,
        sampler: MakeBoxSampler,
        name: str = "box",
        *,
        slots: Kept = 64,
        credit: Unit = "skill",
    ) -> None:
        self.cells = cells
        self.name = name
        self.slots = slots
        self.credit = credit
        self._make = sampler
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a new algorithm that knows nothing."""
        sides = np.array([len(self.cells.skills), 1.0])
        self.sampler = self._make(sides, np.random.default_rng(seed))
        self._drawn: list[tuple[int, int]] = []
        self._begun: set[tuple[int, int]] = set()

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        self._drawn = [self._cell(self.sampler.sample()) for _ in range(self.slots)]
        counts = np.zeros(self.cells.shape)
        np.add.at(counts, tuple(np.transpose(self._drawn)), 1)
        return self.cells.spend(counts)

    def observe(self, transition: Transition) -> None:
        """Report the accuracy after the step for each cell drawn, and where a new one begins."""
        before = accuracy_of(self.credit, transition.observation)
        after = accuracy_of(self.credit, transition.next_observation)
        for cell in dict.fromkeys(self._drawn):
            if np.isnan(before[cell]) or np.isnan(after[cell]):
                continue
            if cell not in self._begun:
                self._begun.add(cell)
                self.sampler.begin(self._centre(cell), float(before[cell]))
            self.sampler.update(self._centre(cell), float(after[cell]))

    def _centre(self, cell: tuple[int, int]) -> Point:
        skill, level = cell
        return np.array([skill + 0.5, (level + 0.5) / len(self.cells.levels)])

    def _cell(self, point: Point) -> tuple[int, int]:
        """The cell of a point; the box's upper borders belong to the last cells."""
        n_skills, n_levels = self.cells.shape
        return min(int(point[0]), n_skills - 1), min(int(point[1] * n_levels), n_levels - 1)
