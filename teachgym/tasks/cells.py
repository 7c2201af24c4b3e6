"""``CellTask``: a task that draws its own items, ``PerCell`` for each skill and level."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np

from teachgym.errors import UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.settings import ItemsPerCell, Seed, checked
from teachgym.tasks.procedural import (
    Numbers,
    draw_distinct,
    draw_in_split,
    item_rng,
    many_numbers_of,
    numbers_of,
)
from teachgym.tasks.task import Task
from teachgym.types import Example, Split, leaf_skills

T = TypeVar("T")

Source = Literal["task", "teacher"]
"""Whether an example is an item of a split, or made for training."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class PerCell:
    """The number of items of each skill and level in a split."""

    val_per_cell: ItemsPerCell = 10
    """Validation items per skill and level, >= 1."""
    test_per_cell: ItemsPerCell = 25
    """Test items per skill and level, >= 1."""
    train_per_cell: ItemsPerCell = 50
    """Items per skill and level of the training pool, >= 1."""

    def per_cell(self, split: Split) -> int:
        """The number for this split."""
        counts: dict[Split, int] = {
            "train": self.train_per_cell,
            "val": self.val_per_cell,
            "test": self.test_per_cell,
        }
        return counts[split]


@checked
@dataclass(eq=False, repr=False)
class CellTask(PerCell, Task, Generic[T]):
    """A task whose items are a function of seed, split, skill, level and index.

    To write: ``name``, ``skills``, ``levels``, ``grade``, and ``draw``, ``identity`` and
    ``write``; ``together`` and ``members`` too where items come in groups. What is drawn may be
    less than an example, so that what belongs to another split costs little.
    """

    seed: Seed = 0
    """Chooses the items of each split, >= 0; the splits are disjoint for any two seeds."""

    together: ClassVar[int] = 1
    """Questions that ``members`` gives; numbers of items are rounded up to whole groups."""

    def __post_init__(self) -> None:
        self._leaves = leaf_skills(self.skills)
        self._examples: dict[Split, tuple[Example, ...]] = {}

    @abstractmethod
    def draw(self, skill: str, level: int, numbers: Numbers) -> T:
        """Draw a question of a leaf skill at the level with this place in ``levels``."""

    @abstractmethod
    def identity(self, drawn: T) -> str:
        """The identity of a question, which decides its split."""

    def members(self, drawn: T) -> Sequence[T]:
        """The questions that belong together with this one; by default only itself.

        All of them belong to its split. For training, one is drawn by itself.
        """
        return (drawn,)

    @abstractmethod
    def write(self, skill: str, drawn: T, *, id: str, source: Source, difficulty: float) -> Example:
        """The example that asks the question."""

    def examples(self, split: Split) -> Sequence[Example]:
        """All examples of a split, by skill and then by level; made on first use."""
        if split not in self._examples:
            taken: set[str] = set()
            found: list[Example] = []
            for skill in self._leaves:
                for level in range(len(self.levels)):
                    found += self._cell(skill, level, split, taken)
            self._examples[split] = tuple(found)
        return self._examples[split]

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """One training example."""
        if skill not in self._leaves:
            raise UnknownSkillError(unknown("leaf skill", skill, self._leaves))
        if difficulty is None:
            level = int(rng.integers(len(self.levels)))
        else:
            level = nearest_level(self.levels, difficulty)
        draw = partial(self.draw, skill, level, numbers_of(rng))
        drawn = draw_in_split(draw, "train", identity=self.identity)
        return self.write(skill, drawn, id="", source="teacher", difficulty=self.levels[level])

    def _cell(self, skill: str, level: int, split: Split, taken: set[str]) -> list[Example]:
        """Items of a cell, none of them ``taken``: neighbouring levels may share questions."""
        rng = item_rng(self.seed, split, self._leaves.index(skill), level)
        count = ceil(self.per_cell(split) / self.together)
        draw = partial(self.draw, skill, level, many_numbers_of(rng))
        drawn = draw_distinct(draw, split, count, taken=taken, identity=self.identity)
        taken.update(map(self.identity, drawn))
        found = [member for one in drawn for member in self.members(one)]
        return [
            self.write(
                skill,
                drawn,
                id=f"{split}/{skill}/{level}/{i}",
                source="task",
                difficulty=self.levels[level],
            )
            for i, drawn in enumerate(found)
        ]
