"""What a configuration names, and whether it can be run: known before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from inspect import Parameter, signature
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from teachgym import ENV_IDS
from teachgym.agents import TEACHERS
from teachgym.engines import ENGINES
from teachgym.envs.building import (
    DEFAULT_BUDGET,
    make_budget,
    make_gate_settings,
    teacher_env,
)
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.stress import make_stress
from teachgym.errors import ConfigError, UnknownNameError, unknown
from teachgym.rewards import make_reward
from teachgym.runs.config import RunConfig
from teachgym.skills.sources import require_source
from teachgym.students import require_student
from teachgym.tasks import TASKS


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
    own, shared = signature(load_env_creator(ENV_IDS[full_id])), signature(teacher_env)
    parameters = (*own.parameters.values(), *shared.parameters.values())
    return {p.name: p.default for p in parameters if p.kind is Parameter.KEYWORD_ONLY}


def student_name(config: RunConfig) -> str:
    """The student of a configuration, given or by default; empty where nobody can know."""
    known = env_settings(config.env) if config.env in ENV_IDS else {}
    return str(config.env_settings.get("student", known.get("student", "")))


def asks_chat(config: RunConfig) -> bool:
    """Whether teacher, engine or proposer of a run ask a chat model."""
    return config.teacher == "llm" or environment_asks(config.env_settings)


def environment_asks(settings: Mapping[str, Any]) -> bool:
    """Whether engine or proposer of an environment ask a chat model."""
    asking = {"engine": ("llm", "by-order"), "proposer": ("llm",)}
    return any(settings.get(role) in names for role, names in asking.items())


def check_config(config: RunConfig) -> None:
    """Check what can be checked before task and student are loaded; ``run`` does it too.

    Names exist, a value is of its default's kind (a number, a text, true or false), and rules,
    budget, gate, stress, prices and the source of skills are such. What task, student, trainer,
    engine and teacher are told in tables of their own is for them to check.

    Raises:
        UnknownNameError: for an environment, teacher, task, student, engine or reward that does
            not exist.
        ConfigError: for a setting that does not exist, or a value of the wrong kind.
    """
    if config.teacher not in TEACHERS:
        raise UnknownNameError(unknown("teacher", config.teacher, TEACHERS))
    if config.teacher == "llm" and not config.chat:
        raise ConfigError(
            "teacher 'llm' asks a chat model and none is given; add --chat openai --chat-model "
            "NAME or --chat local --chat-model PATH (chat={...} in a configuration)"
        )
    if config.env != (full := env_id(config.env)):
        raise UnknownNameError(f"environment {config.env!r} has to be named in full: {full!r}")
    known = env_settings(full) if full in ENV_IDS else config.env_settings
    for name, value in config.env_settings.items():
        if name not in known:
            raise ConfigError(unknown(f"setting of {config.env}", name, known))
        _check_kind(name, value, known[name])
    budget = config.env_settings.get("budget") or {}
    if not isinstance(budget, Mapping):
        raise ConfigError(f"budget is {budget!r}; give a table of currency and limit")
    for currency, limit in budget.items():
        _check_number(f"budget of {currency}", limit)
    if config.env in ENV_IDS:
        _check_parts({**known, **config.env_settings})


def _check_parts(settings: Mapping[str, Any]) -> None:
    """Check what the three environments are made of, by all their settings."""
    if settings["task"] not in TASKS:
        raise UnknownNameError(unknown("task", settings["task"], TASKS))
    require_student(settings["student"])
    if settings.get("engine", "procedural") not in ENGINES:
        raise UnknownNameError(unknown("engine", settings["engine"], ENGINES))
    make_reward(settings["reward"], settings["prices"])
    stress = make_stress(settings["stress"])
    stress.require_rules(training=settings["training"], reward=settings["reward"])
    make_gate_settings(settings["gate_settings"])
    if settings["skills"] is not None:
        require_source(settings["skills"])
    rules = {f.name: settings[f.name] for f in fields(EpisodeRules) if f.name != "budget"}
    EpisodeRules(make_budget(settings["budget"] or DEFAULT_BUDGET), **rules)


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Refuse a value that is not of its default's kind, if that is a text, truth or number."""
    if isinstance(default, str) and not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r}; it must be a text")
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}; it must be true or false")
    if isinstance(default, int | float):
        _check_number(name, value)


def _check_number(name: str, value: Any) -> None:
    if not isinstance(value, int | float):
        raise ConfigError(f"{name} is {value!r}; it must be a number")
