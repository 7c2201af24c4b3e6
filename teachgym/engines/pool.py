"""Pool selection: the baseline that chooses existing examples instead of making new ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.protocols import DataEngine, Task
from teachgym.types import Data, Example, Plan, Skill


class PoolEngine(DataEngine):
    """Chooses examples at random from a given set.

    Within one call nothing is chosen twice, so an order gets fewer examples than it asks for when
    the pool has no more of its skill. Between calls nothing is remembered: an example can come
    again in a later step, and then the gate decides. An order with a difficulty gets the examples
    nearest to it first; examples without one come last. An order for a skill with subskills is
    divided evenly among its leaves. Hints and seeds are not read.

    A chosen example keeps the provenance it has, but for the subskill; see ``orders.signed``.
    """

    name = "pool"

    def __init__(self, skills: Sequence[Skill], examples: Iterable[Example]) -> None:
        self._leaves = leaves_under(skills)
        self._pool: dict[str, list[Example]] = {}
        for example in examples:
            self._pool.setdefault(example.skill, []).append(example)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, in the plan's order.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
        """
        left = {skill: list(examples) for skill, examples in self._pool.items()}
        chosen: list[Example] = []
        for order in plan.orders:
            for leaf, count in divide(order, self._leaves, rng):
                ranked = _ranked(left.get(leaf, []), order.difficulty, rng)
                chosen += [signed(example, order, self.name) for example in ranked[:count]]
                left[leaf] = ranked[count:]
        return tuple(chosen)


def pool_of_task(task: Task) -> PoolEngine:
    """Chooses examples of the task's own ``train`` split at random."""
    return PoolEngine(task.skills, task.examples("train"))


def _ranked(
    examples: Sequence[Example], difficulty: float | None, rng: np.random.Generator
) -> list[Example]:
    """The examples in random order, or by distance to ``difficulty`` with ties in random order."""
    shuffled = [examples[i] for i in rng.permutation(len(examples))]
    if difficulty is None:
        return shuffled

    def distance(example: Example) -> float:
        return math.inf if example.difficulty is None else abs(example.difficulty - difficulty)

    return sorted(shuffled, key=distance)
