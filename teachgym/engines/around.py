"""``AroundEngine``: the common part of engines that do something with another engine's examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from teachgym.chat.settings import Chat
from teachgym.engines.for_task import TaskEngine
from teachgym.engines.registry import ENGINES
from teachgym.given import Given
from teachgym.protocols import DataEngine, Meter, Task
from teachgym.settings import checked
from teachgym.types import Order


@checked
@dataclass(frozen=True, eq=False)
class AroundEngine(TaskEngine):
    """Has another engine make examples, and fills the orders that the other one can fill.

    Raises:
        ConfigError: for settings of the other engine, or a task that either engine cannot use.
    """

    task: Given[Task]
    """What the data is for."""
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
