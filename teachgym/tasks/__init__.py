"""Tasks by name; each is imported when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from teachgym.errors import UnknownNameError, require_packages, unknown
from teachgym.protocols import Task
from teachgym.typed import build, check_settings

TASKS = {
    "arithmetic-and-strings": "teachgym.tasks.arithmetic_and_strings:ArithmeticAndStrings",
    "gsm8k": "teachgym.tasks.gsm8k:load_gsm8k",
    "math": "teachgym.tasks.competition_math:load_math",
    "reasoning-gym": "teachgym.tasks.reasoning_gym:ReasoningGymTask",
}
"""Name to ``module:class``, or to a function that makes one."""

_NEEDS = {
    "gsm8k": ("math", "math_verify"),
    "math": ("math", "math_verify"),
    "reasoning-gym": ("reasoning-gym", "reasoning_gym"),
}
"""Name to the extra and its packages."""


def make_task(name: str, **settings: Any) -> Task:
    """The task of that name.

    Raises:
        UnknownNameError: for a name not in ``TASKS``.
        ConfigError: for a setting the task does not have, or a value that it cannot have.
        MissingExtraError: if a package that the task needs is not installed.
    """
    check_task(name, settings)
    task: Task = build(f"task {name!r}", _maker(name), settings=settings)
    return task


def check_task(name: str, settings: Mapping[str, Any]) -> None:
    """Check name, packages and settings of a task before it is made; raises as ``make_task``."""
    if not isinstance(name, str) or name not in TASKS:
        raise UnknownNameError(unknown("task", name, TASKS))
    require_packages(*_NEEDS.get(name, ("",)))
    check_settings(f"task {name!r}", settings, _maker(name))


def _maker(name: str) -> Callable[..., Any]:
    module, _, attribute = TASKS[name].partition(":")
    maker: Callable[..., Any] = getattr(import_module(module), attribute)
    return maker
