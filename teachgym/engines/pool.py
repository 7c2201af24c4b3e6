"""Pool selection: the baseline that chooses existing examples instead of making new ones."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.protocols import DataEngine, Task
from teachgym.streams import Streams
from teachgym.types import Data, Example, Order, Plan, Skill


class PoolEngine(DataEngine):
    """Chooses examples at random from a given set.

    Within one call nothing is chosen twice, so an order gets fewer examples than it asks for when
    the pool has no more of its skill. Between calls nothing is remembered: an example can come
    again in a later step, and then the gate decides. An order with a difficulty gets the examples
    nearest to it first; examples without one come last. An order for a skill with subskills is
    divided evenly among its leaves. An order with seeds gets those of its skill that the set has,
    and no others unless it has none of them (``named``). Hints are not read.

    A chosen example keeps the provenance it has, but for the subskill; see ``orders.signed``.
    """

    name = "pool"

    def __init__(self, skills: Sequence[Skill], examples: Iterable[Example]) -> None:
        self._leaves = leaves_under(skills)
        self._pool = defaultdict[str, list[Example]](list)
        self._by_id = defaultdict[str, list[Example]](list)
        for example in examples:
            self._pool[example.skill].append(example)
            self._by_id[example.id].append(example)

    def named(self, order: Order) -> Data:
        """The seeds of an order: examples of its skill with these ids, in the order of the ids."""
        leaves, ids = self._leaves.get(order.skill, ()), filter(None, dict.fromkeys(order.seeds))
        return tuple(e for id_ in ids for e in self._by_id.get(id_, ()) if e.skill in leaves)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, in the plan's order."""
        streams, taken = Streams(rng), set[int]()
        drawn: dict[str, Sequence[Example]] = {}
        chosen: list[Example] = []
        for order in plan.orders:
            named = self.named(order)
            parts = [("", order.count)] if named else divide(order, self._leaves, streams)
            for leaf, count in parts:
                if not named and leaf not in drawn:
                    drawn[leaf] = _shuffled(self._pool.get(leaf, ()), streams.of(leaf))
                left = [e for e in named or drawn[leaf] if id(e) not in taken]
                found = _ranked(left, order.difficulty)[:count]
                taken |= set(map(id, found))
                chosen += [signed(example, order, self.name) for example in found]
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
