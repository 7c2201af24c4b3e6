"""What an environment is told is checked whole before a task or a student is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from teachgym.chat.settings import read_settings, require_key
from teachgym.engines import ENGINES, check_engine
from teachgym.envs.building import DEFAULT_BUDGET, make_budget, make_gate_settings, teacher_env
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.stress import make_stress
from teachgym.rewards import make_reward
from teachgym.settings import check_settings, settings_of
from teachgym.skills.proposing import PROPOSERS, check_proposer
from teachgym.skills.sources import require_source
from teachgym.students import check_student
from teachgym.tasks import check_task
from teachgym.training import check_trainer

P = ParamSpec("P")
T = TypeVar("T")

_RULES = [f.name for f in fields(EpisodeRules) if f.name != "budget"]


def checked(make: Callable[P, T]) -> Callable[P, T]:
    """``make``, which makes an environment from settings, behind ``check_environment``."""

    @wraps(make)
    def made(*args: P.args, **settings: P.kwargs) -> T:
        check_environment(make, settings)
        chat: Any = settings.get("chat")
        for role, registry in (("engine", ENGINES), ("proposer", PROPOSERS)):
            if role in settings and registry.takes(settings[role], "chat"):
                require_key(chat, registry.what(settings[role]))
        return make(*args, **settings)

    return made


def env_settings(make: Callable[..., Any]) -> dict[str, Any]:
    """Settings with their defaults of an environment made by ``make`` on ``teacher_env``."""
    return settings_of(make, teacher_env, but=("cast",))


def check_environment(make: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Check the settings of an environment and all that are nested in them.

    What only a task or a student can know, such as the names of its skills, is for them to check.

    Args:
        make: makes it from its own settings and those of ``teacher_env``.
        given: what is not left out.

    Raises:
        UnknownNameError: for a task, student, engine, proposer or reward that does not exist.
        ConfigError: for a setting that does not exist, is of another type or out of range.
        MissingExtraError: if a package that it needs is not installed.
    """
    name = make.__name__.replace("_", "-")
    check_settings(f"the {name} environment", given, make, teacher_env, but=("cast",))
    settings = {**env_settings(make), **given}
    stress = make_stress(settings["stress"])
    stress.require_rules(training=settings["training"], reward=settings["reward"])
    make_reward(settings["reward"], settings["prices"])
    budget = DEFAULT_BUDGET if settings["budget"] is None else settings["budget"]
    EpisodeRules(make_budget(budget), **{rule: settings[rule] for rule in _RULES})
    make_gate_settings(settings["gate_settings"])
    if settings["skills"] is not None:
        require_source(settings["skills"])
    chat = settings.get("chat")
    if chat and isinstance(chat, Mapping):
        read_settings(chat)
    if "engine" in settings:
        check_engine(settings["engine"], settings["engine_settings"] or {}, chat)
    if "proposer" in settings:
        check_proposer(settings["proposer"], settings["proposer_settings"] or {}, chat)
    check_task(settings["task"], settings["task_settings"] or {})
    check_student(settings["student"], settings["student_settings"] or {})
    check_trainer(settings["student"], settings["trainer_settings"] or {})
