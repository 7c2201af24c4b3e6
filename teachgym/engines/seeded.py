"""``SeededEngine``: the common part of engines that vary the seeds of an order."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from itertools import cycle, islice

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.engines.pool import PoolEngine
from teachgym.engines.steps import TaskEngine
from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.streams import Streams
from teachgym.types import Data, Example, Order, Plan, Provenance


class SeededEngine(TaskEngine):
    """Varies the seeds of an order in turn, or training examples of its skill if it has none.

    A seed is varied at its own difficulty. Which training examples are drawn for a level depends on
    the levels of the same skill that the plan orders before it.

    Args:
        task: its ``train`` holds the seeds.

    Raises:
        ConfigError: for a task without training examples.
    """

    def __init__(self, task: Task) -> None:
        self.require_steps(task)
        train = task.examples("train")
        if not train:
            raise ConfigError(
                f"task {task.name!r} has no training examples for engine {self.name!r} to "
                "vary; choose an engine that needs none"
            )
        self.task = task
        self._leaves = leaves_under(task.skills)
        self._pool = PoolEngine(task.skills, train)

    @abstractmethod
    def vary(
        self, seed: Example, order: Order, known: list[Example], rng: np.random.Generator
    ) -> Example | None:
        """The example made from a seed; None = nothing.

        Args:
            seed: a training example.
            order: which it is varied for.
            known: all seeds so far, and what was made of them in this call.
            rng: the stream of the seed.
        """

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, its seeds taking turns."""
        streams, data, known = Streams(rng), list[Example](), list[Example]()
        for order in plan.orders:
            seeds = self._seeds_of(order, streams)
            known += seeds
            for seed in islice(cycle(seeds), order.count):
                own = streams.of(seed.id, seed.skill, seed.difficulty)
                if (made := self.vary(seed, order, known, own)) is not None:
                    known.append(made)
                    origin = Provenance((seed.id,), self.name)
                    data.append(signed(replace(made, id="", provenance=origin), order, self.name))
        return tuple(data)

    def _seeds_of(self, order: Order, streams: Streams) -> Data:
        """The order's seeds that the task has, or training examples of its skill."""
        return self._pool.named(order) or tuple(
            seed
            for leaf, count in divide(order, self._leaves, streams)
            for seed in self._pool.generate(
                Plan((Order(leaf, count, order.difficulty),)), streams.of("seeds", leaf)
            )
        )
