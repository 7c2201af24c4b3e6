"""Several engines behind one: each order names the one that fills it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from teachgym.errors import require_known, unknown
from teachgym.protocols import DataEngine
from teachgym.streams import Streams
from teachgym.types import Data, Order, Plan


class DispatchEngine(DataEngine):
    """Gives each order to the engine it names (``Order.engine``).

    Each engine gets its orders as one plan, so that it can work on them at once, and its data
    come together: first those of the engine that the plan names first.

    Args:
        engines: name to engine; the names that orders may use.
        default: which of them fills orders that name none.

    Raises:
        ConfigError: if ``default`` is not among ``engines``.
    """

    name = "by-order"

    def __init__(self, engines: Mapping[str, DataEngine], default: str) -> None:
        require_known("default engine", (default,), engines)
        self._engines, self._default = dict(engines), default

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
            data += self._engines[name].generate(Plan(orders), streams.of(name))
        return data
