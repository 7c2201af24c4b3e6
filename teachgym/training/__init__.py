"""The only place with an optimizer. ``make_trainer`` finds the trainer that fits a student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teachgym.protocols import Student, Trainer
from teachgym.settings import build, check_settings
from teachgym.students.simulated import SimulatedStudent
from teachgym.training.simulated import SimulatedTrainer


def make_trainer(student: Student, **settings: Any) -> Trainer[Any]:
    """The trainer of ``student``.

    Args:
        student: any student that ``teachgym.students.make_student`` returns.
        settings: fields of ``teachgym.training.settings.FineTuningSettings`` that differ from
            the recipe of the student (``recipe``); the simulated student's trainer has
            ``epochs`` alone.

    Raises:
        ConfigError: for a setting that does not exist or is out of range.
    """
    if isinstance(student, SimulatedStudent):
        return build("the simulated student's trainer", SimulatedTrainer, settings=settings)
    # Imported here: torch is for those who fine-tune, and importing it takes seconds.
    from teachgym.students.local.student import LanguageModelStudent
    from teachgym.training.fine_tuning import FineTuner
    from teachgym.training.settings import FineTuningSettings, recipe

    check_settings("the trainer", settings, FineTuningSettings)
    if isinstance(student, LanguageModelStudent):
        pool = student.pool
        return FineTuner(replace(recipe(pool.n_parameters, pool.lora), **settings))
    from teachgym.training.hf import make_hf_trainer

    return make_hf_trainer(student, settings)


def check_trainer(student: str, settings: Mapping[str, Any]) -> None:
    """Check the settings of the trainer of the student of that name before there is one.

    Raises:
        ConfigError: for a setting that does not exist or is out of range.
    """
    if student == "simulated":
        build("the simulated student's trainer", SimulatedTrainer, settings=settings)
    elif settings:
        # Imported here: torch takes seconds to load.
        from teachgym.training.settings import FineTuningSettings

        build("the trainer", FineTuningSettings, settings=settings)
