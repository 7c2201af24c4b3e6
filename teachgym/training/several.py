"""``SeveralTrainer``: each of several students learns from the same data by its own trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgym.errors import ConfigError, unknown
from teachgym.protocols import Student, Trainer
from teachgym.settings import checked
from teachgym.training import make_trainer
from teachgym.types import Cost, Data, TrainResult


@dataclass(frozen=True)
class SeveralTrainer(Trainer[Student]):
    """Trains the members of ``SeveralStudents`` one after the other, and charges for all."""

    trainers: Mapping[str, Trainer[Any]]
    """By the names of the students."""

    def cost(self, student: Student, data: Data) -> Cost:
        """The prices of all."""
        costs = (self.trainers[n].cost(s, data) for n, s in student.members.items())
        return sum(costs, Cost())

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Train each with a random stream of its own; losses are means over the students."""
        members = student.members.items()
        results = [
            self.trainers[name].train(one, data, own)
            for (name, one), own in zip(members, rng.spawn(len(members)), strict=True)
        ]
        told = [r.losses for r in results if len(r.losses) == len(data)]
        return TrainResult(
            float(np.mean([r.loss for r in results])),
            sum(r.steps for r in results),
            sum((r.cost for r in results), Cost()),
            tuple(np.mean(told, axis=0).tolist()) if len(told) == len(results) else (),
        )


@checked
def several(
    student: Student, *, students: Mapping[str, Mapping[str, Any]] | None = None
) -> SeveralTrainer:
    """Trains several students, each by its own trainer.

    Args:
        student: ``SeveralStudents``.
        students: settings of the trainers, by the names of the students.

    Raises:
        ConfigError: for settings of a student that there is not, or one student without a name.
    """
    members, given = student.members, students or {}
    if "" in members:
        raise ConfigError("there is one student alone; trainer='several' is for several")
    for name in given:
        if name not in members:
            raise ConfigError(unknown("student", name, members))
    return SeveralTrainer({n: make_trainer(s, **given.get(n, {})) for n, s in members.items()})
