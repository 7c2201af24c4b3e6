"""Engines that do something with another engine's examples: what they have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from teachgym.chat.settings import Chat
from teachgym.engines import ENGINES
from teachgym.engines.orders import fill
from teachgym.engines.steps import TaskEngine
from teachgym.given import Given
from teachgym.protocols import DataEngine, Meter, Task
from teachgym.settings import checked
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Data, Example, Order, Plan


@checked
@dataclass(frozen=True, eq=False)
class AroundEngine(TaskEngine):
    """Has another engine make examples, and fills the orders that the other one can fill.

    Raises:
        ConfigError: for settings of the other engine, or a task that either engine cannot use.
    """

    task: Given[Task]
    """The task that the data is for."""
    meter: Given[Meter | None] = None
    """Pays for the calls of the other engine."""
    _: KW_ONLY
    chat: Given[Chat | None] = None
    """The chat model of the other engine, if it uses one."""
    engine: Any = "procedural"
    """The name of the other engine, or what names it in ``ENGINES``."""
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of the other engine."""
    other: Given[DataEngine] = field(init=False, repr=False)
    """The engine that was made of these."""

    def __post_init__(self) -> None:
        self.require_steps(self.task)
        services = {"meter": self.meter, "chat": self.chat}
        other = ENGINES.make(self.engine, self.task, settings=self.engine_settings, **services)
        object.__setattr__(self, "other", other)

    def fault(self, order: Order) -> str | None:
        """The fault that the other engine finds in the order."""
        return self.other.fault(order)


class AlteringEngine(AroundEngine):
    """Alters each exercise of another engine by itself, and passes on what else there is."""

    @abstractmethod
    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """Alter an exercise that has text alone; ``rng`` is its own."""

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """As many examples per order as the other engine makes."""
        streams = Streams(rng)
        made = fill(self.other, plan, streams.of("exercises"))
        return tuple(
            self.alter(e, streams.of("alteration", e.identity)) if is_in_text(e) else e
            for e in made
        )


def is_in_text(example: Example) -> bool:
    """Whether the example is an exercise in text only."""
    return example.kind == EXERCISE and not example.images and not example.turns
