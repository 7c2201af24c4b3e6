"""``DrawnTask``: a task whose items are drawn, skill by skill and level by level."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from teachgym.errors import UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.tasks.procedural import draw_distinct, draw_in_split, item_rng
from teachgym.tasks.task import Task
from teachgym.types import Example, Split, leaf_skills


class DrawnTask(Task):
    """A procedural task with as many items of each leaf skill at each level.

    A derived class has ``name``, ``skills``, ``levels``, ``draw`` and ``grade``. The splits are
    disjoint, whatever the seed, since a hash of the prompt decides the split.

    Args:
        seed: chooses the items of each split, >= 0.
        val_per_cell: validation items per skill and level, >= 1.
        test_per_cell: test items per skill and level, >= 1.
        train_per_cell: items per skill and level of the training pool, >= 1.
    """

    def __init__(
        self, seed: int, *, val_per_cell: int, test_per_cell: int, train_per_cell: int
    ) -> None:
        self.seed = seed
        self._per_cell: dict[Split, int] = {
            "train": train_per_cell,
            "val": val_per_cell,
            "test": test_per_cell,
        }
        self._examples: dict[Split, tuple[Example, ...]] = {}

    @abstractmethod
    def draw(self, skill: str, level: int, rng: np.random.Generator) -> Example:
        """Draw an example of a leaf skill at a level, counted from 0, for whichever split."""

    def as_item(self, example: Example) -> Example:
        """What is asked of a drawn example where it is an item of a split; by default all of it."""
        return example

    def examples(self, split: Split) -> Sequence[Example]:
        """All examples of a split, by skill and then by level; made on first use."""
        if split not in self._examples:
            found: dict[str, Example] = {}
            for number, skill in enumerate(leaf_skills(self.skills)):
                for level in range(len(self.levels)):
                    rng = item_rng(self.seed, split, number, level)
                    drawn = draw_distinct(
                        partial(self.draw, skill, level, rng),
                        split,
                        self._per_cell[split],
                        taken=found,
                        identity=_prompt,
                    )
                    for i, example in enumerate(drawn):
                        found[example.prompt] = replace(
                            self.as_item(example),
                            id=f"{split}/{skill}/{level}/{i}",
                            source="task",
                        )
            self._examples[split] = tuple(found.values())
        return self._examples[split]

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """One training example."""
        leaves = leaf_skills(self.skills)
        if skill not in leaves:
            raise UnknownSkillError(unknown("leaf skill", skill, leaves))
        if difficulty is None:
            level = int(rng.integers(len(self.levels)))
        else:
            level = nearest_level(self.levels, difficulty)
        return draw_in_split(partial(self.draw, skill, level, rng), "train", identity=_prompt)


def _prompt(example: Example) -> str:
    """What decides the split of an example: nothing that is said after the prompt does."""
    return example.prompt
