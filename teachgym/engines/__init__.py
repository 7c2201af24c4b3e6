"""Data engines: they fill a plan's orders with examples (``teachgym.protocols.DataEngine``).

Engines keep no state between calls: equal plans and equal random generators give equal data, so
environments can be reset, forked and rewound without telling them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from teachgym.engines.pool import PoolEngine
from teachgym.engines.procedural import ProceduralEngine
from teachgym.engines.replay import ReplayEngine
from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.protocols import DataEngine, Purse, Task

ENGINES: dict[str, Callable[..., DataEngine]] = {
    "procedural": ProceduralEngine,
    "pool": PoolEngine.of_task,
    "replay": ReplayEngine,
}
"""Engine name to what makes it from a task and settings."""

__all__ = ["ENGINES", "PoolEngine", "ProceduralEngine", "ReplayEngine", "make_engine"]


def make_engine(
    name: str,
    task: Task,
    *,
    purse: Purse | None = None,
    chat: Mapping[str, Any] | None = None,
    **settings: Any,
) -> DataEngine:
    """The named engine for a task: ``procedural``, ``pool`` or ``replay`` (``path=`` of a run).

    Args:
        name: one of ``ENGINES``.
        task: what the data is for.
        purse: pays for calls, for engines that make some.
        chat: settings of the chat model, for engines that use one.
        settings: the engine's own.

    Raises:
        UnknownNameError: for a name that is not registered.
        ConfigError: for settings the engine does not have or a task it cannot work with.
    """
    if name not in ENGINES:
        raise UnknownNameError(unknown("engine", name, ENGINES))
    engine = ENGINES[name]
    known = inspect.signature(engine).parameters
    services = {"purse": purse, "chat": chat}
    wanted = {key: given for key, given in services.items() if key in known and given is not None}
    try:
        inspect.signature(engine).bind(task, **wanted, **settings)
    except TypeError as error:
        raise ConfigError(f"settings of engine {name!r}: {error}") from error
    return engine(task, **wanted, **settings)
