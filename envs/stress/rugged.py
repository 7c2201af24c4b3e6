"""Rugged difficulty: the stated level of an example is not its real one.

Everyone on the teacher's side (orders, engines, gate, reports) sees the levels as they are
written; a simulated student, whose competence has levels, is taught and asked with the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

import numpy as np

from teachgym.errors import ConfigError
from teachgym.metrics import nearest_level
from teachgym.streams import chance
from teachgym.tasks.task import Task, TaskWrapper
from teachgym.types import Example, Split


@cache
def real_levels(skill: str, n_levels: int, seed: int = 0) -> tuple[int, ...]:
    """The index of the real level for each stated one: a permutation, shape (n_levels,).

    The skill's name and the seed decide it, in every process. It is the identity only for a
    single level.
    """
    written = tuple(range(n_levels))
    orders = (
        tuple(sorted(written, key=lambda level: chance(seed, "rugged", skill, attempt, level)))
        for attempt in count()
    )
    return next(order for order in orders if order != written or n_levels < 2)


@dataclass(frozen=True)
class Swap:
    """Converts the difficulty of examples between real and stated; None stays None."""

    levels: tuple[float, ...]
    seed: int = 0
    """Another one changes other places, >= 0."""

    def reveal(self, example: Example) -> Example:
        """The example with its real difficulty, from the level nearest to the stated one."""
        return replace(example, difficulty=self.real(example.skill, example.difficulty))

    def disguise(self, example: Example) -> Example:
        """Inverse of ``reveal``."""
        if example.difficulty is None:
            return example
        real = nearest_level(self.levels, example.difficulty)
        written = self._order(example.skill).index(real)
        return replace(example, difficulty=self.levels[written])

    def real(self, skill: str, written: float | None) -> float | None:
        """The real level of a stated difficulty."""
        if written is None:
            return None
        return self.levels[self._order(skill)[nearest_level(self.levels, written)]]

    def _order(self, skill: str) -> tuple[int, ...]:
        return real_levels(skill, len(self.levels), self.seed)


class Rugged(TaskWrapper):
    """A task whose levels are swapped, skill by skill.

    Prompts, targets, splits and grader are the task's own. What is ordered at a level is made at
    the real level behind it, and bears the level that was ordered.

    Raises:
        ConfigError: for a task with a single level, where there is nothing to swap.
    """

    def __init__(self, task: Task, seed: int = 0) -> None:
        if len(task.levels) < 2:
            raise ConfigError(
                f"stress 'rugged' swaps levels and {task.name!r} has a single one; take a task "
                "with several, or leave 'rugged' out"
            )
        super().__init__(task)
        self.swap = Swap(tuple(task.levels), seed)
        self.name = f"{task.name}+rugged"
        self._examples: dict[Split, tuple[Example, ...]] = {}

    def examples(self, split: Split) -> Sequence[Example]:
        """The task's examples, in its order, with stated levels."""
        if split not in self._examples:
            self._examples[split] = tuple(map(self.swap.disguise, self.task.examples(split)))
        return self._examples[split]

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """Make an example of the real level for the stated ``difficulty``."""
        return self.swap.disguise(self.task.make(skill, self.swap.real(skill, difficulty), rng))

    def inside(self, example: Example) -> Example:
        """The example with its real level."""
        return self.swap.reveal(example)
