"""``Forgetful``: a student that drifts back to its untrained state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.protocols import Student
from teachgym.training.wrapper import TrainerWrapper
from teachgym.types import Checkpoint, Data, TrainResult


@dataclass(frozen=True, eq=False)
class Forgetful(TrainerWrapper):
    """A trainer whose student forgets before each training run: w <- w + rate (w0 - w).

    w is everything that training changes and is a floating number: weights, adapters, or the
    competences of a simulated student. A weight that is still w0 stays so to the bit. Steps
    without data train nothing and so forget nothing.
    """

    untrained: Checkpoint
    """w0."""
    rate: float
    """Share of the way back, in [0, 1]."""

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Forget, then train; with no data, change nothing."""
        if data:
            student.restore(fade(student.save(), self.untrained, self.rate))
        return self.trainer.train(student, data, rng)


def fade(now: Checkpoint, untrained: Checkpoint, rate: float) -> Checkpoint:
    """Move ``now`` by ``rate`` of the way to ``untrained``; integers stay as they are."""
    return Checkpoint(
        {
            name: w + rate * (untrained.arrays[name] - w) if w.dtype.kind == "f" else w
            for name, w in now.arrays.items()
        }
    )
