"""The engine of tasks that can make their own training data: any amount, always correct."""

from __future__ import annotations

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.errors import ConfigError
from teachgym.protocols import DataEngine, Task
from teachgym.streams import Streams
from teachgym.types import Data, Plan


class ProceduralEngine(DataEngine):
    """Draws every ordered example from ``task.make``.

    An order for a skill with subskills is divided evenly among its leaves. Hints and seeds are
    not read. Examples are drawn independently, so a small level repeats itself; the gate decides
    about repetitions. Each skill and difficulty has a stream of its own.
    """

    name = "procedural"

    def __init__(self, task: Task) -> None:
        if not task.is_procedural:
            raise ConfigError(
                f"task {task.name!r} cannot make examples; use engine='pool', or give the task "
                "a make(skill, difficulty, rng) method"
            )
        self._task = task
        self._leaves = leaves_under(task.skills)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """Exactly ``order.count`` examples per order, in the plan's order."""
        streams = Streams(rng)
        return tuple(
            signed(self._task.make(leaf, order.difficulty, cell), order, self.name)
            for order in plan.orders
            for leaf, count in divide(order, self._leaves, streams)
            for cell in [streams.of(leaf, order.difficulty)]
            for _ in range(count)
        )
