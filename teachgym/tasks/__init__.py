"""Tasks by name; each is imported when it is made."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.protocols import Task

TASKS = {
    "arithmetic-and-strings": "teachgym.tasks.arithmetic_and_strings:ArithmeticAndStrings",
    "gsm8k": "teachgym.tasks.gsm8k:load_gsm8k",
    "math": "teachgym.tasks.competition_math:load_math",
    "reasoning-gym": "teachgym.tasks.reasoning_gym:ReasoningGymTask",
}
"""Name to ``module:class``, or to a function that makes one."""


def make_task(name: str, **settings: Any) -> Task:
    """The task of that name.

    Raises:
        UnknownNameError: for a name not in ``TASKS``.
        ConfigError: for a setting the task does not have.
    """
    if name not in TASKS:
        raise UnknownNameError(unknown("task", name, TASKS))
    module, _, attribute = TASKS[name].partition(":")
    try:
        task: Task = getattr(import_module(module), attribute)(**settings)
    except TypeError as error:
        raise ConfigError(f"task {name!r} cannot be made with {settings}: {error}") from error
    return task
