"""A run's configuration is read here, once, and its environment and teacher are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym

from teachgym.agents import (
    TEACHERS,
    Kind,
    make_teacher,
    require_fit,
    require_teacher,
    required_settings,
    teacher_entry,
    teacher_settings,
)
from teachgym.chat.make import make_chat
from teachgym.chat.settings import ChatSettings, check_chat, require_key, require_price
from teachgym.envs.config import CONFIGS, EnvConfig, asking, env_id, short_name
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.protocols import Task, Teacher
from teachgym.registry import label, recorded, reference_of
from teachgym.report.tables import describe_teaching
from teachgym.runs.config import RunConfig
from teachgym.runs.retention import Keep
from teachgym.runs.trackers import check_installed
from teachgym.students import learnable_skills, profile_of, require_one_student
from teachgym.students.planning import plan_for
from teachgym.types import Budget, Data, FloatArray, Provenance, leaf_skills

AnyEnv = gym.Env[Any, Any]
Make = Callable[..., AnyEnv]
"""Makes an environment from its id and settings, as ``gym.make`` does."""


@dataclass(frozen=True)
class Setup:
    """A configuration that was checked, with its tables read and completed."""

    config: RunConfig
    env: Mapping[str, Any]
    """The environment's settings, with those that the teacher needs and the chat model's."""
    student: str
    """As ``student_name`` tells it."""
    student_settings: Mapping[str, Any]
    chat: ChatSettings | None
    """The chat model that teacher, engine and proposer ask; None = none."""
    keep: Keep
    needs: frozenset[str]
    """The teacher's settings without a default that the configuration leaves to the run."""


@dataclass(frozen=True)
class Parts:
    """The parts that a configuration describes, made."""

    setup: Setup
    env: AnyEnv
    teacher: Teacher[Any, Any]

    @property
    def base(self) -> Any:
        """The ``TeacherEnv`` under the wrappers."""
        return self.env.unwrapped

    @property
    def task(self) -> Task:
        """The task that is taught."""
        task: Task = self.env.get_wrapper_attr("task")
        return task

    @property
    def spec(self) -> str:
        """The spec of the environment as JSON; objects are replaced by their names."""
        spec = self.env.spec
        return "" if spec is None else replace(spec, kwargs=recorded(spec.kwargs)).to_json()


# -- reading -----------------------------------------------------------------------------------


def check_config(config: RunConfig, store: Path | None = None) -> Setup:
    """Check what can be checked before task and student are loaded, and return what it comes to.

    It checks that the named parts exist, that values have the declared types and ranges, also in
    nested tables, and that the packages they need are installed. What only a task or a student
    knows, such as the names of its skills, is checked when they are made.

    Args:
        config: of a run.
        store: where answers of its chat model are recorded unless it says so; None = in the
            user's cache folder.

    Raises:
        UnknownNameError: for an environment, teacher, task, student, engine or reward that does
            not exist.
        ConfigError: for a setting that does not exist, or a value of the wrong kind.
        MissingExtraError: for a package that is not installed.
    """
    teacher, given = config.teacher, config.teacher_settings
    require_teacher(teacher, given)
    told = {"store": store and str(store), **config.chat} if config.chat else {}
    chat, required = ChatSettings.of(told) if told else None, required_settings(teacher)
    if "chat" in required:
        check_chat(given.get("chat") or chat, TEACHERS.what(teacher))
    if config.env != (full := env_id(config.env)):
        raise UnknownNameError(f"environment {config.env!r} has to be named in full: {full!r}")
    check_installed(config.trackers)
    env = _settings_of_env(config)
    budget = env.get("budget")  # Not checked yet, whatever it is.
    if chat and isinstance(budget, Mapping) and budget.get("dollars") is not None:
        require_price(chat, '--set \'chat.prices={"in": 0.15, "out": 0.6}\'')
    if env.get("texts", True) is False:
        raise ConfigError(
            "texts is False, and a run keeps the examples in its folder; leave texts out, or use "
            "the environment through gym.make and gym.make_vec"
        )
    if told and asking(env):
        env = {"chat": told, **env}
    if full in CONFIGS:
        chosen = CONFIGS[full].of(env)
        require_fit(teacher, Kind.of(short_name(full), chosen.action), chosen.observation)
    student, student_settings = student_name(config), env.get("student_settings") or {}
    if teacher_entry(teacher).asks:
        require_one_student(student, TEACHERS.what(teacher))
    keep, needs = Keep.of(config.keep), required - given.keys()
    return Setup(config, env, student, student_settings, chat, keep, needs)


def asks_chat(config: RunConfig) -> bool:
    """Whether teacher, engine or proposer of a run ask a chat model."""
    return "chat" in required_settings(config.teacher) or bool(asking(_settings_of_env(config)))


def student_name(config: RunConfig) -> str:
    """The student of a configuration, given or by default; empty where nobody can know."""
    default = EnvConfig.student if config.env in CONFIGS else ""
    student = config.env_settings.get("student", default)
    return student if isinstance(student, str) else reference_of(student)


def describe(config: RunConfig) -> str:
    """A line that says who teaches whom."""
    return describe_teaching(
        teacher=label(config.teacher),
        student=label(student_name(config)),
        env=config.env,
        seed=config.seed,
    )


def budget_of(config: RunConfig) -> Budget:
    """The budget of a configuration, given or by default."""
    limits = config.env_settings.get("budget")
    return Budget(**limits) if limits else EnvConfig.budget


def _settings_of_env(config: RunConfig) -> Mapping[str, Any]:
    """The environment's settings, completed by those that the teacher needs.

    Raises:
        ConfigError: for another engine than the teacher's, without settings of its own.
    """
    given = config.env_settings
    needed = teacher_entry(config.teacher).env.get(short_name(config.env), {})
    engine = needed.get("engine")
    if engine and given.get("engine", engine) != engine and "engine_settings" not in given:
        names = ", ".join(needed["engine_settings"]["engines"])
        raise ConfigError(
            f"teacher {label(config.teacher)!r} names engines in its orders ({names}), and engine "
            f"is {label(given['engine'])!r}; leave engine out, or put engine_settings beside it "
            f"in which one of {engine!r} has engines of these names"
        )
    return {**needed, **given}


# -- making ------------------------------------------------------------------------------------


def assemble(setup: Setup, make: Make) -> Parts:
    """Make the environment, and the teacher with what it needs and is not given."""
    teacher, found = setup.config.teacher, dict[str, Any]()
    if setup.chat and "chat" in setup.needs:
        require_key(setup.chat, TEACHERS.what(teacher))
        found["chat"] = make_chat(setup.chat)
        if "workers" in teacher_settings(teacher):
            found["workers"] = setup.chat.workers
    env = make(setup.config.env, **setup.env)
    found |= {name: find(setup, env) for name, find in _FINDERS.items() if name in setup.needs}
    made = make_teacher(teacher, env, **{**found, **setup.config.teacher_settings})
    return Parts(setup, env, made)


def _plan(setup: Setup, env: AnyEnv, *, free: bool) -> FloatArray:
    """The best plan, or the best constant one, for the student as far as it is known; (T, S, L).

    Raises:
        ConfigError: if it is not known how the student learns.
    """
    profile = profile_of(setup.student, setup.student_settings)
    if profile is None:
        raise ConfigError(
            f"the dynamics of student {setup.student!r} are unknown, so no plan can be searched; "
            f"give the plan of teacher {setup.config.teacher!r} in teacher_settings"
        )
    task, rules = env.get_wrapper_attr("task"), env.get_wrapper_attr("rules")
    return plan_for(profile, task, rules.budget, rules.examples_per_step, free=free)


def _learnable(setup: Setup, env: AnyEnv) -> tuple[str, ...]:
    """The skills of the task that the student can learn, as far as they are known.

    Raises:
        ConfigError: if none is known.
    """
    task = env.get_wrapper_attr("task")
    known = learnable_skills(setup.student, setup.student_settings)
    leaves = leaf_skills(task.skills)
    if found := tuple(skill for skill in known if skill in leaves):
        return found
    raise ConfigError(
        f"it is not known what student {setup.student!r} can learn of task {task.name!r}; give the "
        f"skills as learnable of teacher {label(setup.config.teacher)!r} in teacher_settings"
    )


def _pool(setup: Setup, env: AnyEnv) -> Data:
    """The task's examples for training, marked as handed in by a teacher."""
    return tuple(
        replace(e, source="teacher", provenance=Provenance(seeds=(e.id,), teacher="pool"))
        for e in env.get_wrapper_attr("task").examples("train")
    )


_FINDERS: Mapping[str, Callable[[Setup, AnyEnv], Any]] = {
    "learnable": _learnable,
    "plan": partial(_plan, free=True),
    "allocation": lambda setup, env: _plan(setup, env, free=False)[0],
    "pool": _pool,
}
"""The things besides its chat model that a run gives a teacher who needs them, by setting."""
