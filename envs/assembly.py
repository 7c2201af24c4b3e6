"""Makes the parts of an environment from its configuration: task, student, trainer and the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teachgym.answers import AnswerStore
from teachgym.cache import cache_folder
from teachgym.chat.settings import require_key
from teachgym.envs.base import TeacherEnv
from teachgym.envs.batching import BatchedTrainer
from teachgym.envs.config import EnvConfig, SkillListConfig, asking
from teachgym.envs.held_out import HeldOutTask
from teachgym.envs.rating import Rater, rater_of
from teachgym.envs.stress import stressed_evaluator, stressed_trainer
from teachgym.envs.stress.rugged import Rugged
from teachgym.errors import ConfigError
from teachgym.evaluation import EVALUATORS
from teachgym.gate import Gate
from teachgym.protocols import Evaluator, Reward, Student, Task, Trainer
from teachgym.rendezvous import Rendezvous
from teachgym.rewards import make_reward
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.sources import find_skills
from teachgym.students import make_students
from teachgym.tasks import make_task
from teachgym.tasks.limited import Limited
from teachgym.training import make_trainer
from teachgym.training.teacher_registry import make_teacher_model


@dataclass(frozen=True)
class Parts:
    """The parts of one environment, with the stress of its configuration applied to them."""

    task: Task
    student: Student
    trainer: Trainer[Any]
    evaluator: Evaluator
    gate: Gate
    reward: Reward
    rater: Rater


Assemble = Callable[[EnvConfig], Parts]
"""Makes the parts of one environment from its configuration."""


def assemble(config: EnvConfig) -> Parts:
    """Make the parts of one environment, which shares them with no other."""
    return assemble_rows(config, 1)[0]


def assemble_rows(
    config: EnvConfig, count: int, rendezvous: Rendezvous | None = None
) -> tuple[Parts, ...]:
    """Make the parts of ``count`` environments with equal students that share task and model.

    Args:
        config: the configuration that all of them have.
        count: number of environments, >= 1.
        rendezvous: joins their calls, so that students train and answer in one batch; None = each
            environment trains and asks by itself.
    """
    if isinstance(config, SkillListConfig) and config.chat is not None:
        for who in asking(vars(config)):
            require_key(config.chat, who)
    task = make_task(config.task, **config.task_settings)
    if config.skills is not None:
        task = Relabelled(task, find_skills(config.skills, task))
    if config.stress.rugged:
        task = Rugged(task, config.stress.seed)
    if config.limit is not None:
        task = Limited(task, config.limit)
    students = make_students(config.student, task, count, **config.student_settings)
    _warn_of_short_answers(students[0], task)
    model = config.teacher_model
    if model is not None:
        model = make_teacher_model(model, task, config.teacher_model_settings)
    trainer = make_trainer(
        students[0], config.trainer, task=task, teacher_model=model, **config.trainer_settings
    )
    rater = rater_of(model) if config.rated else Rater()
    store = AnswerStore(cache_folder("answers")) if config.reuse_answers else None
    if config.held_out:
        task = HeldOutTask(task, config.held_out)  # Students know nothing of it.
    rows = []
    for row, student in enumerate(students):
        batched = BatchedTrainer(trainer, rendezvous, row) if rendezvous is not None else None
        evaluator = EVALUATORS.make(
            config.evaluator,
            settings=config.evaluator_settings,
            store=store,
            ask=batched and batched.ask,
        )
        rows.append(
            Parts(
                task,
                student,
                stressed_trainer(batched or trainer, config.stress, task, student),
                stressed_evaluator(evaluator, config.stress, task),
                Gate(task, config.gate_settings, config.gate_checks),
                make_reward(config.reward, config.prices),
                rater,
            )
        )
    return tuple(rows)


def _warn_of_short_answers(student: Student, task: Task) -> None:
    """Warn of a student that may not write as much as an item of val asks for."""
    if not student.reads:  # A simulation writes nothing.
        return
    needed = student.count_tokens([max((e.target for e in task.examples("val")), key=len)])
    if needed > student.max_new_tokens:
        warnings.warn(
            f"max_new_tokens is {student.max_new_tokens}, and the target of an item of val has "
            f"{needed} tokens, so no answer can be as long; set student_settings.max_new_tokens "
            f"to {needed} or more",
            stacklevel=2,
        )


def make_base(config: EnvConfig, parts: Parts) -> TeacherEnv:
    """Make the base environment from ``parts``."""
    return TeacherEnv(
        parts.task,
        parts.student,
        parts.trainer,
        parts.evaluator,
        gate=parts.gate,
        reward=parts.reward,
        rules=config,
        rater=parts.rater,
        render_mode=config.render_mode,
    )


def teacher_env(**settings: Any) -> TeacherEnv:
    """Make the base environment from plain values, the fields of ``EnvConfig``.

    Raises:
        UnknownNameError: for a task, student or reward that does not exist.
        ConfigError: for a setting that does not exist or is out of range, and for those that
            wrappers carry out: ``stress.delayed_reward``, ``rejection_penalty`` and ``proxy``
            (``teachgym.envs.wrappers.rewards``), and ``stop`` (``teachgym.envs.wrappers.stop``).
    """
    config = EnvConfig.of(settings)
    wrapped = {
        "stop": (config.stop, False),
        "rejection_penalty": (config.rejection_penalty, 0),
        "proxy": (config.proxy, None),
        "stress.delayed_reward": (config.stress.delayed_reward, 1),
    }
    for name, (value, plain) in wrapped.items():
        if value != plain:
            raise ConfigError(
                f"{name} is {value}, and the base environment does not have it; make one of the "
                "registered environments, or wrap this one"
            )
    return make_base(config, assemble(config))
