"""The only place with an optimizer. ``make_trainer`` finds the trainer that fits a student."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from teachgym.errors import require_known
from teachgym.protocols import Student, Trainer
from teachgym.students.simulated import SimulatedStudent


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
    # Imported here: torch is for those who fine-tune, and importing it takes seconds.
    if isinstance(student, SimulatedStudent):
        from teachgym.training.simulated import SimulatedTrainer

        known = [f.name for f in fields(SimulatedTrainer)]
        require_known("setting of the simulated student's trainer", settings, known)
        return SimulatedTrainer(**settings)
    from teachgym.students.language_model import LanguageModelStudent
    from teachgym.training.fine_tuning import FineTuner
    from teachgym.training.settings import FineTuningSettings, recipe

    names = [f.name for f in fields(FineTuningSettings)]
    require_known("trainer setting", settings, names)
    if isinstance(student, LanguageModelStudent):
        pool = student.pool
        return FineTuner(replace(recipe(pool.network.n_parameters, pool.lora), **settings))
    from teachgym.training.hf import make_hf_trainer

    return make_hf_trainer(student, settings)
