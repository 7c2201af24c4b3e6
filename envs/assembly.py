"""Makes the parts of an environment from its configuration: task, student, trainer and the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from teachgym.students import is_language_model, make_students
from teachgym.tasks import make_task
from teachgym.tasks.limited import Limited
from teachgym.training import AUTO, make_trainer
from teachgym.training.teacher_registry import make_teacher_model

if TYPE_CHECKING:
    from teachgym.training.teacher_models import TeacherModel

_OF_TASK = (
    *("task", "task_settings", "skills", "limit", "stress"),
    *("teacher_model", "teacher_model_settings"),
)
"""Settings by which the learner depends on the task, where it does."""


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
    return Assembly(1)(0, config)


class Assembly:
    """Makes the parts of K environments, which share a model, its students and their trainer.

    Environments of one configuration share the task, too.

    Args:
        count: K, >= 1.
        rendezvous: joins their calls, so that students train and answer in one batch; None = each
            environment trains and asks by itself.
    """

    def __init__(self, count: int, rendezvous: Rendezvous | None = None) -> None:
        self.count, self.rendezvous = count, rendezvous
        self._learners: _Learners | None = None
        self._made: list[tuple[EnvConfig, _Shared]] = []

    def __call__(self, row: int, config: EnvConfig) -> Parts:
        """Make the parts of environment number ``row``, from 0.

        Args:
            row: which of them it is; in the rendezvous it is known by it.
            config: its configuration; ``learner_of`` says what all of them have in common.

        Raises:
            ConfigError: if it has another learner than the first that was given.
        """
        shared = next((shared for own, shared in self._made if own == config), None)
        if shared is None:
            shared = self._share(config)
            self._made.append((config, shared))
        task, learners = shared.task, shared.learners
        student, trainer = learners.students[row], learners.trainer
        batched = BatchedTrainer(trainer, self.rendezvous, row) if self.rendezvous else None
        evaluator = EVALUATORS.make(
            config.evaluator,
            settings=config.evaluator_settings,
            store=shared.store,
            ask=batched and batched.ask,
        )
        return Parts(
            task,
            student,
            stressed_trainer(batched or trainer, config.stress, task, student),
            stressed_evaluator(evaluator, config.stress, task),
            Gate(task, config.gate_settings, config.gate_checks),
            make_reward(config.reward, config.prices),
            shared.rater,
        )

    def _share(self, config: EnvConfig) -> _Shared:
        if isinstance(config, SkillListConfig) and config.chat is not None:
            for who in asking(vars(config)):
                require_key(config.chat, who)
        task = _task_of(config)
        learners = self._learners = self._learners or _learners_of(config, task, self.count)
        if learners.settings != learner_of(vars(config)):
            raise ConfigError(
                "environments that share a model have different learners; make them one by one"
            )
        _warn_of_short_answers(learners.students[0], task)
        return _Shared(
            learners,
            # Students know nothing of what is held out.
            HeldOutTask(task, config.held_out) if config.held_out else task,
            rater_of(learners.model) if config.rated else Rater(),
            AnswerStore(cache_folder("answers")) if config.reuse_answers else None,
        )


@dataclass(frozen=True)
class _Learners:
    """The students, and who trains them."""

    settings: Mapping[str, Any]
    """The settings that decide them; see ``learner_of``."""
    students: Sequence[Student]
    model: TeacherModel | None
    trainer: Trainer[Any]


@dataclass(frozen=True)
class _Shared:
    """The parts that environments of one configuration share."""

    learners: _Learners
    task: Task
    rater: Rater
    store: AnswerStore | None


def _learners_of(config: EnvConfig, task: Task, count: int) -> _Learners:
    students = make_students(config.student, task, count, **config.student_settings)
    model = config.teacher_model
    if model is not None:
        model = make_teacher_model(model, task, config.teacher_model_settings)
    trainer = make_trainer(
        students[0], config.trainer, task=task, teacher_model=model, **config.trainer_settings
    )
    return _Learners(learner_of(vars(config)), students, model, trainer)


def learner_of(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of an environment that decide its student and trainer, the task's among them.

    Only language models that learn from examples alone are the same whatever the task is: what is
    simulated has its answers from the task, and other trainers grade answers, or ask a model.

    Args:
        settings: of an environment; those left out have their defaults.
    """
    usual = {"student": EnvConfig.student, "trainer": EnvConfig.trainer}
    usual |= {f"{name}_settings": {} for name in usual}
    learner = {name: settings.get(name, value) for name, value in usual.items()}
    student, trainer, model = learner["student"], learner["trainer"], settings.get("teacher_model")
    if is_language_model(student) and trainer in (AUTO, "packed") and model is None:
        return learner
    return learner | {name: settings.get(name) for name in _OF_TASK}


def _task_of(config: EnvConfig) -> Task:
    task = make_task(config.task, **config.task_settings)
    if config.skills is not None:
        task = Relabelled(task, find_skills(config.skills, task))
    if config.stress.rugged:
        task = Rugged(task, config.stress.seed)
    return task if config.limit is None else Limited(task, config.limit)


def _warn_of_short_answers(student: Student, task: Task) -> None:
    """Warn of a student that may not write as much as an item of val asks for."""
    if not student.reads:  # A simulation writes nothing.
        return
    longest = max((e.target for e in task.examples("val")), key=len, default="")
    needed = student.count_tokens([longest])
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
            (``teachgym.envs.wrappers.rewards``), ``stop`` (``teachgym.envs.wrappers.stop``) and
            ``lookahead`` (``teachgym.envs.wrappers.lookahead``).
    """
    config = EnvConfig.of(settings)
    wrapped = {
        "stop": (config.stop, False),
        "lookahead": (config.lookahead, 0),
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
