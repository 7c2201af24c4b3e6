"""Pool selection: the baseline that chooses existing examples instead of making new ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.protocols import DataEngine, Task
from teachgym.streams import Streams
from teachgym.types import Data, Example, Plan, Skill


class PoolEngine(DataEngine):
    """Chooses examples at random from a given set.

    Within one call nothing is chosen twice, so an order gets fewer examples than it asks for when
    the pool has no more of its skill. Between calls nothing is remembered: an example can come
    again in a later step, and then the gate decides. An order with a difficulty gets the examples
    nearest to it first; examples without one come last. An order for a skill with subskills is
    divided evenly among its leaves. An order with seeds gets those that the set has, and no others
    unless it has none of them. Hints are not read.

    A chosen example keeps the provenance it has, but for the subskill; see ``orders.signed``.
    """

    name = "pool"

    def __init__(self, skills: Sequence[Skill], examples: Iterable[Example]) -> None:
        self._leaves = leaves_under(skills)
        self._pool: dict[str, list[Example]] = {}
        for example in examples:
            self._pool.setdefault(example.skill, []).append(example)
        self._ids = {e.id for chosen in self._pool.values() for e in chosen}

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, in the plan's order."""
        streams = Streams(rng)
        left: dict[str, list[Example]] = {}
        chosen: list[Example] = []
        for order in plan.orders:
            named = self._ids.intersection(order.seeds)
            for leaf, count in divide(order, self._leaves, streams):
                if leaf not in left:
                    left[leaf] = _shuffled(self._pool.get(leaf, []), streams.of(leaf))
                offered = [e for e in left[leaf] if e.id in named] if named else left[leaf]
                ranked = _ranked(offered, order.difficulty)
                chosen += [signed(example, order, self.name) for example in ranked[:count]]
                taken = set(map(id, ranked[:count]))
                left[leaf] = [example for example in left[leaf] if id(example) not in taken]
        return tuple(chosen)


def pool_of_task(task: Task) -> PoolEngine:
    """Chooses examples of the task's own ``train`` split at random."""
    return PoolEngine(task.skills, task.examples("train"))


def _shuffled(examples: Sequence[Example], rng: np.random.Generator) -> list[Example]:
    return [examples[i] for i in rng.permutation(len(examples))]


def _ranked(examples: Sequence[Example], difficulty: float | None) -> Sequence[Example]:
    """The examples as they come, or by distance to ``difficulty``, ties as they come."""
    if difficulty is None:
        return examples

    def distance(example: Example) -> float:
        return math.inf if example.difficulty is None else abs(example.difficulty - difficulty)

    return sorted(examples, key=distance)
