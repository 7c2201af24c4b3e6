"""From plain values to those who take part in an environment: task, student, trainer, evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from teachgym.answers import AnswerStore
from teachgym.cache import cache_folder
from teachgym.envs.stress.rugged import Rugged
from teachgym.envs.stress.settings import Stress
from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Evaluator, Student, Task, Trainer
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.sources import find_skills
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer


@dataclass(frozen=True)
class Roles:
    """Who is to take part, by name and settings; see ``teachgym.envs.registry``."""

    task: Any
    task_settings: Mapping[str, Any]
    skills: str | None
    student: Any
    student_settings: Mapping[str, Any]
    trainer_settings: Mapping[str, Any]
    reuse_answers: bool
    stress: Stress

    def make_task(self) -> Task:
        """The task, seen through the named skills, and rugged if it is to be."""
        task = make_task(self.task, **self.task_settings)
        if self.skills is not None:
            task = Relabelled(task, find_skills(self.skills, task))
        return Rugged(task, self.stress.seed) if self.stress.rugged else task

    def make_trainer(self, student: Student) -> Trainer[Any]:
        """The trainer of ``student``."""
        return make_trainer(student, **self.trainer_settings)

    def open_store(self) -> AnswerStore | None:
        """The store of this machine, unless answers are not to be reused."""
        return AnswerStore(cache_folder("answers")) if self.reuse_answers else None


@dataclass(frozen=True)
class Cast:
    """Those who take part."""

    task: Task
    student: Student
    trainer: Trainer[Any]
    evaluator: Evaluator


Casting = Callable[[Roles], Cast]
"""How roles are filled: ``cast_alone``, or from a group of students that share a model."""


def cast_alone(roles: Roles) -> Cast:
    """Fill the roles for an environment of its own."""
    task = roles.make_task()
    student = make_student(roles.student, task, **roles.student_settings)
    trainer, evaluator = roles.make_trainer(student), GenerateAndGrade(roles.open_store())
    return Cast(task, student, trainer, evaluator)
