"""Data engines: they fill a plan's orders with examples (``teachgym.protocols.DataEngine``).

Engines keep no state between calls: equal plans and equal random generators give equal data, so
environments can be reset, forked and rewound without telling them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from teachgym.chat.settings import check_asking
from teachgym.engines.backward import BackwardEngine
from teachgym.engines.dispatch import DispatchEngine
from teachgym.engines.llm import LLMEngine
from teachgym.engines.pool import PoolEngine
from teachgym.engines.procedural import ProceduralEngine
from teachgym.engines.replay import ReplayEngine
from teachgym.protocols import ChatModel, DataEngine, Meter, Task
from teachgym.registry import Registry

Chat = Mapping[str, Any] | ChatModel
"""A chat model, or its settings (``teachgym.chat.settings.ChatSettings``)."""


def dispatch_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    engines: Mapping[str, Mapping[str, Any]],
    default: str,
    chat: Chat | None = None,
) -> DispatchEngine:
    """Gives each order to the engine it names: a ``DispatchEngine`` from plain settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of all of them.
        engines: the name that orders use to the settings of the engine. It is the engine of that
            name, unless its settings have a ``name`` of their own; its chat model is ``chat``,
            unless they have a ``chat``. So two engines of one kind can stand side by side:
            ``{"fast": {"name": "llm", "votes": 1}, "sure": {"name": "llm", "votes": 5}}``.
        default: fills orders that name no engine.
        chat: the chat model of those that use one.

    Raises:
        ConfigError: if ``default`` is not among ``engines``, or for settings of one of them.
    """
    services = {"task": task, "meter": meter, "chat": chat}
    made = {name: make_engine(**{"name": name, **services, **own}) for name, own in engines.items()}
    return DispatchEngine(made, default)


def backward_engine(
    task: Task,
    meter: Meter | None = None,
    *,
    engine: Any = "procedural",
    engine_settings: Mapping[str, Any] = MappingProxyType({}),
    chat: Chat | None = None,
) -> BackwardEngine:
    """Adds backward questions to what another engine makes: a ``BackwardEngine`` from settings.

    Args:
        task: what the data is for.
        meter: pays for the calls of the other engine.
        engine: the other engine.
        engine_settings: its own.
        chat: its chat model, if it uses one.
    """
    return BackwardEngine(make_engine(engine, task, meter=meter, chat=chat, **engine_settings))


ENGINES = Registry(
    "engine",
    {
        "procedural": "teachgym.engines.procedural:ProceduralEngine",
        "pool": "teachgym.engines.pool:pool_of_task",
        "replay": "teachgym.engines.replay:ReplayEngine",
        "llm": "teachgym.engines.llm:LLMEngine",
        "by-order": "teachgym.engines:dispatch_engine",
        "backward": "teachgym.engines:backward_engine",
    },
    given=("task",),
    services=("meter", "chat"),
    base=DataEngine,
)
"""Every engine, called as ``(task, **settings)``, and with ``meter`` and ``chat`` if it has
parameters of these names."""

__all__ = [
    "ENGINES",
    "BackwardEngine",
    "Chat",
    "DispatchEngine",
    "LLMEngine",
    "PoolEngine",
    "ProceduralEngine",
    "ReplayEngine",
    "check_engine",
    "dispatch_engine",
    "make_engine",
]


def make_engine(
    name: Any,
    task: Task,
    *,
    meter: Meter | None = None,
    chat: Chat | None = None,
    **settings: Any,
) -> DataEngine:
    """The named engine for a task.

    Args:
        name: a name in ``ENGINES``, or one of the other ways of ``teachgym.registry``.
        task: what the data is for.
        meter: pays for calls, for engines that make some.
        chat: the chat model or its settings, for engines that use one.
        settings: the engine's own.

    Raises:
        UnknownNameError: for what names no engine.
        ConfigError: for settings the engine does not have or a task it cannot work with.
    """
    check_engine(name, settings, chat)
    engine: DataEngine = ENGINES.make(name, task, settings=settings, meter=meter, chat=chat)
    return engine


def check_engine(name: Any, settings: Mapping[str, Any], chat: Chat | None) -> None:
    """Check name, settings and chat model of an engine, and of those that it is made of.

    Raises:
        UnknownNameError: for what names no engine.
        ConfigError: for settings that the engine does not have, or a chat model that it lacks.
        MissingExtraError: if a package that it needs is not installed.
    """
    check_asking(ENGINES, name, settings, chat)
    if name == "backward":
        inner = settings.get("engine", "procedural")
        check_engine(inner, settings.get("engine_settings", {}), chat)
    for own_name, own in settings.get("engines", {}).items() if name == "by-order" else ():
        rest = {key: value for key, value in own.items() if key not in ("name", "chat")}
        check_engine(own.get("name", own_name), rest, own.get("chat", chat))
