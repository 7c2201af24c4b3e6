"""Training, the only package with an optimizer. ``make_trainer`` makes a student's trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Task, Trainer
from teachgym.registry import Registry
from teachgym.students import trainer_of
from teachgym.training.grader import Grader

if TYPE_CHECKING:
    from teachgym.training.teacher_models import TeacherModel


def require_grader(grader: Grader | None, who: str) -> None:
    """Refuse a trainer that grades the student's answers if there is no task."""
    if grader is None:
        raise ConfigError(f"{who} grades what the student writes; give the task")


def require_model(model: Any, who: str) -> None:
    """Refuse a trainer that needs a teacher model if there is none."""
    if model is None:
        raise ConfigError(f"{who} needs a teacher model; set teacher_model")


TRAINERS = Registry(
    "trainer",
    {
        "packed": "teachgym.training.fine_tuning:packed",
        "padded": "teachgym.training.hf:padded",
        "simulated": "teachgym.training.simulated:simulated",
        "several": "teachgym.training.several:several",
        "on-policy": "teachgym.training.on_policy:on_policy",
        "rejection-sampling": "teachgym.training.rejection_sampling:rejection_sampling",
    },
    given=("student",),
    services={"grader": require_grader, "teacher_model": require_model},
    base=Trainer,
)
"""Every trainer, called as ``(student, **settings)``, and if it has parameters of these names with
``grader``, a ``teachgym.training.grader.Grader``, and ``teacher_model``, a
``teachgym.training.teacher_models.TeacherModel``."""

AUTO = "auto"
"""Names the trainer that the student says is its own."""


def make_trainer(
    student: Student,
    name: Any = AUTO,
    *,
    task: Task | None = None,
    teacher_model: TeacherModel | None = None,
    **settings: Any,
) -> Trainer[Any]:
    """Make the trainer of ``student``.

    Args:
        student: any student that ``teachgym.students.make_student`` returns.
        name: a name in ``TRAINERS``, one of the other ways of ``teachgym.registry``, or ``auto``.
        task: what is taught; trainers that grade what the student writes get its grader alone.
        teacher_model: for trainers that ask one and losses that follow one.
        settings: the trainer's own: of language models, the fields of
            ``teachgym.training.settings.FineTuningSettings`` that differ from the recipe of the
            student (``recipe``).

    Raises:
        UnknownNameError: for what names no trainer.
        ConfigError: for a setting that does not exist or is out of range, a student that the
            trainer cannot train, or one that has no trainer of its own.
    """
    if isinstance(name, str) and name == AUTO:
        name = student.trainer
        if not name:
            raise ConfigError(
                f"there is no trainer for a {type(student).__name__}; choose one (trainer=) that "
                "has cost and train (teachgym.protocols.Trainer)"
            )
    grader = Grader(task) if task is not None and TRAINERS.takes(name, "grader") else None
    trainer: Trainer[Any] = TRAINERS.make(
        name, student, settings=settings, grader=grader, teacher_model=teacher_model
    )
    return trainer


def require_trainer(name: Any, student: Any, settings: Mapping[str, Any]) -> None:
    """Check the name and settings of a student's trainer before the student is made.

    Raises:
        UnknownNameError: for what names no trainer.
        ConfigError: for a setting that does not exist or is out of range.
    """
    if isinstance(name, str) and name == AUTO:
        name = trainer_of(student)
        if not (name and settings):  # Only the student can say, or there is nothing to check.
            return
    TRAINERS.check(name, settings)
