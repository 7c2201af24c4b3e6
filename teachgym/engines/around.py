"""``AroundEngine``: the common part of engines that do something with another engine's examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from teachgym.chat.settings import Chat
from teachgym.engines.for_task import TaskEngine
from teachgym.engines.registry import ENGINES
from teachgym.protocols import DataEngine, Meter, Task
from teachgym.settings import Like, checked
from teachgym.types import Order


@checked
@dataclass(frozen=True)
class Other:
    """The settings of the engine around which another one is made."""

    engine: Any = "procedural"
    """Its name, or what names it in ``ENGINES``."""
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    """Its own."""


class AroundEngine(TaskEngine):
    """Has another engine make examples, and fills the orders that the other one can fill.

    Args:
        task: what the data is for.
        meter: pays for the calls of the other engine.
        chat: the chat model of the other engine, if it uses one.
        other: fields of ``Other``.

    Raises:
        ConfigError: for settings of the other engine, or a task that either engine cannot use.
    """

    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        chat: Chat | None = None,
        **other: Annotated[Any, Like(Other)],
    ) -> None:
        super().__init__(task)
        self._meter = meter
        asked = Other(**other)
        self._engine: DataEngine = ENGINES.make(
            asked.engine, task, settings=asked.engine_settings, meter=meter, chat=chat
        )

    def fault(self, order: Order) -> str | None:
        """The fault that the other engine finds in the order."""
        return self._engine.fault(order)
