"""What a configuration names, and whether it can be run: known before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from teachgym import ENV_IDS
from teachgym.agents import check_teacher, needs, teacher_entry
from teachgym.chat.settings import check_chat
from teachgym.engines import ENGINES
from teachgym.envs import checks
from teachgym.envs.checks import check_environment
from teachgym.errors import UnknownNameError, unknown
from teachgym.registry import reference_of
from teachgym.runs.config import RunConfig
from teachgym.runs.trackers import check_installed
from teachgym.skills.proposing import PROPOSERS


def env_id(name: str) -> str:
    """The full id of an environment that may be named shortly.

    Example:
        >>> env_id("SkillList")
        'teachgym/SkillList-v0'

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    short = {short_name(full): full for full in ENV_IDS}
    full = short.get(name, name)
    if full not in gym.registry:
        raise UnknownNameError(unknown("environment", name, short))
    return full


def short_name(full_id: str) -> str:
    """What an environment is called in short: ``SkillList`` of ``teachgym/SkillList-v0``."""
    return full_id.partition("/")[2].partition("-")[0]


def env_settings(full_id: str) -> dict[str, Any]:
    """Settings of one of ``teachgym.ENV_IDS`` with their defaults."""
    return checks.env_settings(load_env_creator(ENV_IDS[full_id]))


def student_name(config: RunConfig) -> str:
    """The student of a configuration, given or by default; empty where nobody can know."""
    known = env_settings(config.env) if config.env in ENV_IDS else {}
    student = config.env_settings.get("student", known.get("student", ""))
    return student if isinstance(student, str) else reference_of(student)


def asks_chat(config: RunConfig) -> bool:
    """Whether teacher, engine or proposer of a run ask a chat model."""
    return "chat" in needs(config.teacher) or environment_asks(config.env_settings)


def environment_asks(settings: Mapping[str, Any]) -> bool:
    """Whether engine or proposer of an environment can ask a chat model."""
    roles = {"engine": ENGINES, "proposer": PROPOSERS}
    return any(role in settings and roles[role].takes(settings[role], "chat") for role in roles)


def check_config(config: RunConfig) -> None:
    """Check what can be checked before task and student are loaded; ``run`` does it too.

    Names exist, values are of the types and in the ranges that are declared, tables in tables
    included, and packages are installed.
    What only a task or a student can know, such as the names of its skills, is for them to check.

    Raises:
        UnknownNameError: for an environment, teacher, task, student, engine or reward that does
            not exist.
        ConfigError: for a setting that does not exist, or a value of the wrong kind.
        MissingExtraError: for a package that is not installed.
    """
    check_teacher(config.teacher, config.teacher_settings)
    if "chat" in needs(config.teacher):
        chat = config.teacher_settings.get("chat") or config.chat
        check_chat(chat, f"teacher {config.teacher!r}")
    if config.env != (full := env_id(config.env)):
        raise UnknownNameError(f"environment {config.env!r} has to be named in full: {full!r}")
    check_installed(config.trackers)
    if config.env in ENV_IDS:
        spoken = teacher_entry(config.teacher).env.get(short_name(config.env), {})
        asks = config.chat and environment_asks(config.env_settings)
        own = {"chat": config.chat} if asks else {}
        check_environment(
            load_env_creator(ENV_IDS[config.env]), {**spoken, **own, **config.env_settings}
        )
