"""Several engines behind one: each order names the one that fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from teachgym.chat.settings import Chat
from teachgym.engines import ENGINES
from teachgym.engines.orders import fill
from teachgym.errors import require_known, unknown
from teachgym.protocols import DataEngine, Meter, Task
from teachgym.streams import Streams
from teachgym.types import Data, Order, Plan


class DispatchEngine(DataEngine):
    """Gives each order to the engine it names (``Order.engine``).

    Each engine gets its orders as one plan, so that it can work on them at once, and its data
    come together: first those of the engine that the plan names first.

    Args:
        task: what the data is for.
        meter: pays for the calls of all of them.
        engines: the name that orders use to the settings of the engine. It is the engine of that
            name, unless its settings have a ``name`` of their own; its chat model is ``chat``,
            unless they have a ``chat``. So two engines of one kind can stand side by side:
            ``{"fast": {"name": "llm", "votes": 1}, "sure": {"name": "llm", "votes": 5}}``.
        default: which of them fills orders that name none.
        chat: the chat model of those that use one.

    Raises:
        ConfigError: if ``default`` is not among ``engines``, or for settings of one of them.
    """

    name = "by-order"

    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        engines: Mapping[str, Mapping[str, Any]],
        default: str,
        chat: Chat | None = None,
    ) -> None:
        made: dict[str, DataEngine] = {}
        for name, own in engines.items():
            rest = dict(own)
            kind, asked = rest.pop("name", name), rest.pop("chat", chat)
            made[name] = ENGINES.make(kind, task, settings=rest, meter=meter, chat=asked)
        require_known("default engine", (default,), made)
        self._engines, self._default = made, default

    def fault(self, order: Order) -> str | None:
        """The reason why an order cannot be filled: an unknown engine, or its engine's fault."""
        name = order.engine or self._default
        if name not in self._engines:
            return unknown("engine of an order", name, self._engines)
        return self._engines[name].fault(order)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order.

        Raises:
            ConfigError: for an order that names another engine; nothing has been made then.
        """
        names = [order.engine or self._default for order in plan.orders]
        require_known("engine of an order", names, self._engines)
        data: Data = ()
        streams = Streams(rng)
        for name in dict.fromkeys(names):
            orders = tuple(o for o, n in zip(plan.orders, names, strict=True) if n == name)
            data += fill(self._engines[name], Plan(orders), streams.of(name))
        return data
