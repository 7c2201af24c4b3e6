"""``TrainerWrapper``: the base of trainers that are made of another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgym.protocols import Student, Trainer
from teachgym.types import Cost, Data


@dataclass(frozen=True, eq=False)
class TrainerWrapper(Trainer[Any]):
    """A trainer with the price and the gradients of another one; a subclass trains."""

    trainer: Trainer[Any]

    def cost(self, student: Student, data: Data) -> Cost:
        """The trainer's price of the data as it is handed in."""
        return self.trainer.cost(student, data)

    def gradients(self, student: Student, data: Data, *, dimensions: int) -> np.ndarray:
        """The trainer's gradients."""
        return self.trainer.gradients(student, data, dimensions=dimensions)
