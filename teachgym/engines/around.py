"""``AroundEngine``: the common part of engines that do something with another engine's examples."""

from __future__ import annotations

from teachgym.protocols import DataEngine
from teachgym.types import Order


class AroundEngine(DataEngine):
    """Fills the orders that another engine can fill.

    Args:
        engine: the other one.
    """

    def __init__(self, engine: DataEngine) -> None:
        self._engine = engine

    def fault(self, order: Order) -> str | None:
        """The fault that the other engine finds in the order."""
        return self._engine.fault(order)
