"""The registry of teachers: which exist, for which environments, and how to make one.

A teacher of yours is a class or function that is called as ``(env, **settings)``, named or handed
over in one of the ways of ``teachgym.registry``; its keyword arguments are its settings. Those
called ``chat``, ``pool`` and ``learnable`` are filled by the run where they are needed and not
given. Built-in ones are in ``builtin``. Files are imported when a teacher is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teachgym.agents.builtin import BUILT_IN
from teachgym.agents.entry import EnvName, Kind, TeacherEntry, keywords_of, kind_of, observation_of
from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.registry import Registry, summary
from teachgym.settings import REQUIRED, check_settings, settings_of

TEACHERS = Registry("teacher", BUILT_IN, given=("env",), base=Teacher)
"""Every teacher; what ``teachgym list teachers`` shows."""


def make_teacher(name: Any, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
    """Make the teacher ``name`` for ``env``; built-in ones receive only names and sizes.

    Args:
        name: a name in ``TEACHERS``, or one of the other ways of ``teachgym.registry``; what is a
            teacher already is returned as it is.
        env: where it is going to teach.
        settings: the teacher's own.

    Example::

        env = gym.make("teachgym/SkillList-v0", student="simulated")
        teacher = make_teacher("weakest", env, power=2)

    Raises:
        UnknownNameError: for what names no teacher.
        ConfigError: for an environment of another kind, a setting the teacher does not have or
            that is missing, or a value out of range.
    """
    part = TEACHERS.load(name)
    teacher: Teacher[Any, Any]
    if not isinstance(part, TeacherEntry):
        teacher = TEACHERS.make(name, env, settings=settings)
        return teacher
    kind = kind_of(env)
    require_fit(name, kind, observation_of(env))
    _check_entry(name, part, settings, kind.env)
    return part(env, **settings)


def teacher_entry(name: Any) -> TeacherEntry:
    """The entry of a built-in teacher: its description and its needs of the environment.

    For a class or function of yours, an entry with its docstring that needs nothing.
    """
    part = TEACHERS.load(name)
    return part if isinstance(part, TeacherEntry) else TeacherEntry(summary(part), {}, "")


def teacher_settings(name: Any) -> dict[str, Any]:
    """Settings of a teacher with their defaults; ``REQUIRED`` for those without.

    A teacher for several environments has the settings of all of them.

    Example:
        >>> teacher_settings("weakest")
        {'power': 1.0, 'top': None}
    """
    part = TEACHERS.load(name)
    if not isinstance(part, TeacherEntry):
        return TEACHERS.settings(name)
    found = {key: default for make in part.sources() for key, default in keywords_of(make).items()}
    return {**found, **part.defaults}


def required_settings(name: Any) -> frozenset[str]:
    """The settings of a teacher that have no default."""
    return frozenset(key for key, value in teacher_settings(name).items() if value is REQUIRED)


def require_teacher(name: Any, settings: Mapping[str, Any]) -> None:
    """Check a teacher's name and settings without an environment.

    Raises:
        UnknownNameError: for what names no teacher.
        ConfigError: for a setting that it does not have in any kind of environment, or a value
            of another type or out of its range.
    """
    part = TEACHERS.load(name)
    if isinstance(part, TeacherEntry):
        _check_entry(name, part, settings)
    else:
        TEACHERS.check(name, settings, whole=False)


def require_fit(name: Any, kind: Kind, observation: str) -> None:
    """Raise ``ConfigError`` for a built-in teacher that cannot act in an environment or read it.

    Args:
        name: as for ``make_teacher``.
        kind: of the environment.
        observation: the environment's setting.
    """
    part = TEACHERS.load(name)
    if not isinstance(part, TeacherEntry):
        return
    if kind not in part.kinds:
        fitting = ", ".join(other for other, e in TEACHERS.items() if kind in e.kinds)
        raise ConfigError(
            f"teacher {name!r} is for {part.places} environments and this one is "
            f"{kind}; {_way_to(part, kind)}for {kind} there are: {fitting}"
        )
    if part.sees(kind.env) not in ("", observation):
        raise ConfigError(
            f"teacher {name!r} reads observation={part.sees(kind.env)!r} of {kind.env} "
            f"environments, and this one has {observation!r}; make it with that"
        )


def _way_to(entry: TeacherEntry, kind: Kind) -> str:
    """The way to make an environment in which the teacher can act, if it is known."""
    settings = entry.env.get(kind.env, {})
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"make it with {given}; " if given else ""


def _check_entry(
    name: str, entry: TeacherEntry, given: Mapping[str, Any], env: EnvName | None = None
) -> None:
    """Check settings for one environment, or, where some may be missing, for any."""
    makers = entry.sources(env)
    own = {key for make in makers for key in keywords_of(make)}
    but = {p for make in makers for p in settings_of(make)} - own
    chosen, whole = {**entry.defaults, **given}, env is not None
    check_settings(f"teacher {name!r}", chosen, *makers, but=but, whole=whole)
