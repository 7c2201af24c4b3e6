"""The only place with an optimizer. ``make_trainer`` finds the trainer that fits a student."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from teachgym.errors import require_known
from teachgym.protocols import Student, Trainer
from teachgym.students.simulated import SimulatedStudent


def make_trainer(student: Student, **settings: Any) -> Trainer[Any]:
    """The trainer of ``student``: ``SimulatedTrainer`` or ``FineTuner``.

    Args:
        student: any student that ``teachgym.students.make_student`` returns.
        settings: fields of ``teachgym.training.fine_tuning.FineTuningSettings``; the simulated
            student's trainer has none.

    Raises:
        ConfigError: for a setting that does not exist or is out of range.
    """
    # Imported here: torch is for those who fine-tune, and importing it takes seconds.
    if isinstance(student, SimulatedStudent):
        from teachgym.training.simulated import SimulatedTrainer

        require_known("setting of the simulated student's trainer", settings, ())
        return SimulatedTrainer()
    from teachgym.training.fine_tuning import FineTuner, FineTuningSettings

    names = [f.name for f in fields(FineTuningSettings)]
    require_known("trainer setting", settings, names)
    return FineTuner(FineTuningSettings(**settings))
