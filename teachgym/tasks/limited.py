"""``Limited``: a task with fewer items, for quick looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from teachgym.tasks.task import Task, TaskWrapper
from teachgym.types import Example, Split


class Limited(TaskWrapper):
    """A task with at most ``limit`` items in each split.

    Cells of skill and level take turns, and each gives its first items first. So the items of a
    smaller limit are among those of a larger one, and no cell has two items before every cell has
    one.

    Args:
        task: whose items are limited.
        limit: the most items of each split, >= 1.
    """

    def __init__(self, task: Task, limit: int) -> None:
        super().__init__(task)
        self.name, self._limit = f"{task.name}-limit{limit}", limit
        self._splits: dict[Split, tuple[Example, ...]] = {}

    def examples(self, split: Split) -> Sequence[Example]:
        """The items that are left, in the order of the task."""
        if split not in self._splits:
            self._splits[split] = spread(self.task.examples(split), self._limit)
        return self._splits[split]


def spread(examples: Sequence[Example], most: int) -> tuple[Example, ...]:
    """At most so many of the examples, in turns from each cell, in their order.

    Example:
        >>> [e.prompt for e in spread([Example(p, "", p[0]) for p in ("a1", "a2", "a3", "b1")], 3)]
        ['a1', 'a2', 'b1']
    """
    turns: dict[tuple[str, float | None], int] = defaultdict(int)
    places = []
    for place, example in enumerate(examples):
        cell = example.skill, example.difficulty
        places.append((turns[cell], place))
        turns[cell] += 1
    return tuple(examples[place] for place in sorted(place for _, place in sorted(places)[:most]))
