"""The base environment from plain values: what the three registered environments share.

Every argument is plain JSON, so ``env.spec.to_json()`` records the whole experiment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from teachgym.envs.base import TeacherEnv
from teachgym.envs.casting import Cast, Casting, Roles, cast_alone
from teachgym.envs.restart import TrainingMode
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.stress import make_stress, stressed_evaluator, stressed_trainer
from teachgym.envs.stress.settings import Stress
from teachgym.errors import ConfigError
from teachgym.gate import Gate, GateSettings
from teachgym.protocols import Evaluator, Student, Task, Trainer
from teachgym.rewards import make_reward
from teachgym.settings import (
    CountFromOne,
    ExamplesPerStep,
    NotNegative,
    Positive,
    ShareAboveZero,
    ShareBelowOne,
    build,
)
from teachgym.types import Budget

DEFAULT_BUDGET: Mapping[str, float] = {"steps": 10, "examples": 2500}
"""Ten steps of 250 examples: an episode of half a minute on the ``tiny`` student."""


RenderMode = Literal["ansi", "rgb_array"]


class Settings(TypedDict, total=False):
    """The arguments that all three environments share; see any of their cards."""

    task: Any
    task_settings: Mapping[str, Any]
    student: Any
    student_settings: Mapping[str, Any]
    trainer_settings: Mapping[str, Any]
    gate_settings: Mapping[str, Any]
    budget: Mapping[str, float]
    examples_per_step: int
    training: TrainingMode
    replay: float
    pretest: bool
    skills: str | None
    stress: Mapping[str, Any] | None
    target_accuracy: float | None
    patience: int | None
    train_every: int
    reward_scale: float
    reward: Any
    prices: Mapping[str, float] | None
    rejection_penalty: float
    reuse_answers: bool
    render_mode: RenderMode | None


def teacher_env(
    cast: Casting = cast_alone,
    /,
    *,
    task: Any = "arithmetic-and-strings",
    task_settings: Mapping[str, Any] | None = None,
    student: Any = "tiny",
    student_settings: Mapping[str, Any] | None = None,
    trainer_settings: Mapping[str, Any] | None = None,
    gate_settings: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    examples_per_step: ExamplesPerStep = 250,
    training: TrainingMode = "continue",
    replay: ShareBelowOne = 0.0,
    pretest: bool = False,
    skills: str | None = None,
    stress: Mapping[str, Any] | None = None,
    target_accuracy: ShareAboveZero | None = None,
    patience: CountFromOne | None = None,
    train_every: CountFromOne = 1,
    reward_scale: Positive = 1.0,
    reward: Any = "accuracy_gain",
    prices: Mapping[str, NotNegative] | None = None,
    rejection_penalty: NotNegative = 0.0,
    reuse_answers: bool = True,
    render_mode: RenderMode | None = None,
) -> TeacherEnv:
    """The base environment from plain values; names are looked up in the registries.

    The settings are those of the registered environments; see their cards. ``cast`` fills the
    roles of task, student, trainer and evaluator. Wrappers pay a delayed reward
    (``teachgym.envs.stress.pay_late``) and the penalty for rejected items
    (``teachgym.envs.penalty``); both are checked here and otherwise left out.

    Raises:
        UnknownNameError: for a task, student or reward that does not exist.
        ConfigError: for a setting that does not exist or is out of range.
    """
    (stressed := make_stress(stress)).require_rules(training=training, reward=reward)
    rules = EpisodeRules(
        make_budget(DEFAULT_BUDGET if budget is None else budget),
        examples_per_step,
        training,
        replay,
        pretest=pretest,
        target_accuracy=target_accuracy,
        patience=patience,
        train_every=train_every,
        reward_scale=reward_scale,
    )
    parts = cast(
        Roles(
            task,
            task_settings or {},
            skills,
            student,
            student_settings or {},
            trainer_settings or {},
            reuse_answers,
            stressed,
        )
    )
    return TeacherEnv(
        *_under(stressed, parts),
        gate=Gate(parts.task, make_gate_settings(gate_settings)),
        reward=make_reward(reward, prices),
        rules=rules,
        render_mode=render_mode,
    )


def _under(stress: Stress, cast: Cast) -> tuple[Task, Student, Trainer[Any], Evaluator]:
    """Those who take part, training and measuring under stress."""
    trainer = stressed_trainer(cast.trainer, stress, cast.task, cast.student)
    return cast.task, cast.student, trainer, stressed_evaluator(cast.evaluator, stress, cast.task)


def make_gate_settings(settings: Mapping[str, Any] | None) -> GateSettings:
    """The gate's settings from plain values; None = the defaults.

    Raises:
        ConfigError: for a setting that does not exist or is out of range.
    """
    return build("the gate", GateSettings, settings=settings or {})


def make_budget(limits: Mapping[str, float]) -> Budget:
    """A budget from a mapping of currency to limit; currencies left out are unlimited.

    Raises:
        ConfigError: for an unknown currency, a limit that is not above 0, or a budget that
            would let an episode go on forever.
    """
    budget = build("budget", Budget, settings=limits)
    if not {"steps", "seconds"} & set(limits):
        raise ConfigError(
            f"budget {json.dumps(dict(limits))} lets a teacher that orders nothing go on forever; "
            "add a limit of steps or seconds"
        )
    return budget
