"""Named errors under one root.

Each is also the built-in error it refines, so ``except ValueError`` keeps working. A message
names the value, the allowed range and the fix. To add one: subclass ``TeachgymError`` and the
built-in, one docstring line, no constructor of its own (errors must pickle).
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Collection, Iterable
from importlib.util import find_spec
from typing import Any

from teachgym.shown import shown


class TeachgymError(Exception):
    """Root of every error that teachgym raises on purpose."""


class UnknownNameError(TeachgymError, KeyError):
    """A name that is not registered: task, student, teacher, engine, reward."""

    def __str__(self) -> str:
        """The message itself (``KeyError`` would show it quoted)."""
        return str(self.args[0]) if self.args else ""


class UnknownSkillError(UnknownNameError):
    """A skill the task does not have."""


class ConfigError(TeachgymError, ValueError):
    """A setting outside its allowed range."""


class UnsupportedError(ConfigError):
    """Something was asked of a task, a student or a trainer that it cannot do."""


class ActionError(TeachgymError, ValueError):
    """A numeric action outside the action space; nothing was spent and no step was made."""


class LocalBackendError(ConfigError):
    """A model that the packed passes, slots or stacks of the local backend do not compute right."""


class ConformanceError(TeachgymError, AssertionError):
    """A task, student, trainer, engine or teacher breaks its contract."""


class BudgetError(TeachgymError, RuntimeError):
    """Something would cost more than is left."""


class EpisodeError(TeachgymError, RuntimeError):
    """A call that the state of the episode does not allow, such as a step after the end."""


class GradeError(TeachgymError, ValueError):
    """A task gave something other than a grade for an answer, or a metric for several."""


class RunError(TeachgymError, RuntimeError):
    """A run folder that is missing, damaged or made by another configuration."""


class ChatError(TeachgymError, RuntimeError):
    """A chat model gave no answer: refused, unreachable, or not in the record that is replayed."""


class MissingExtraError(TeachgymError, ImportError):
    """An optional package is not installed."""


class VersionError(TeachgymError, ImportError):
    """A required package is absent, or installed in a version that teachgym does not support."""


def describe_os_error(error: OSError) -> str:
    """An error of the operating system in one line: the file, and what is wrong with it."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        reason += "; make room and try again"
    return f"{error.filename}: {reason}" if error.filename else reason


def unknown(kind: str, name: Any, known: Iterable[Any]) -> str:
    """Message for a wrong name: the name, a suggestion if one is near, and what exists.

    Example:
        >>> unknown("setting of the teacher", "powr", ["power", "top"])
        "unknown setting 'powr' of the teacher. Did you mean 'power'? Known: power, top"
    """
    names = sorted(map(str, known))
    near = difflib.get_close_matches(name[:100], names, n=1) if isinstance(name, str) else ()
    hint = f" Did you mean {near[0]!r}?" if near else ""
    what, of, whose = kind.partition(" of ")
    return f"unknown {what} {shown(name)}{of}{whose}.{hint} Known: {', '.join(names) or 'none'}"


SEPARATOR = "/"
"""Between the name of one of several tasks or students and what is its own."""


def require_part_names(kind: str, names: Collection[str]) -> None:
    """Raise ``ConfigError`` unless there are names, none is empty and none has a ``SEPARATOR``."""
    if not names or any(not name or SEPARATOR in name for name in names):
        raise ConfigError(
            f"{kind} are called {', '.join(map(repr, names)) or 'nothing'}; give at least one, "
            f"with names that are not empty and have no {SEPARATOR!r}"
        )


def require_known(
    kind: str,
    names: Iterable[Any],
    known: Iterable[str],
    error: type[TeachgymError] = ConfigError,
) -> None:
    """Raise ``error`` for the first of ``names`` that is not among ``known``."""
    known = tuple(known)
    for name in names:
        if name not in known:
            raise error(unknown(kind, name, known))


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """The error for an optional package, with the command that installs it."""
    return MissingExtraError(
        f"{package} is not installed; install it with: pip install 'teachgym[{extra}]'"
    )


def require_packages(extra: str, *packages: str) -> None:
    """Raise ``MissingExtraError`` for the first package that is not there; imports none."""
    for package in packages:
        if find_spec(package) is None:
            raise missing_extra(package, extra)
