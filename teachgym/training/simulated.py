"""The trainer of simulated students: counts the examples and lets the student learn from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from teachgym.protocols import Trainer
from teachgym.settings import Epochs, checked
from teachgym.students.simulated import SimulatedStudent
from teachgym.types import EXERCISE, Cost, Data, FloatArray, TrainResult

LEAST_CHANCE = 0.001
"""Chance below which the loss does not count an answer as more surprising still."""


@checked
@dataclass(frozen=True)
class SimulatedTrainer(Trainer[SimulatedStudent]):
    """One training run = one step of ``teachgym.students.dynamics.learn``.

    What counts is how many examples there are of each skill at each level; the texts, and so
    wrong targets and repetitions, make no difference (the gate keeps repetitions out). Auxiliary
    text is paid for and teaches nothing: the student is calibrated on exercises.

    Raises:
        ConfigError: for fewer than one epoch, or a number of them that is no whole one.
    """

    epochs: Epochs = 1
    """Passes over the data, >= 1. Each is paid for; all is learned in the first."""

    def cost(self, student: SimulatedStudent, data: Data) -> Cost:
        """Characters of prompts and targets, and one per example for its end; once per epoch."""
        tokens = student.count_tokens([e.question.transcript + e.target for e in data])
        return Cost(train_tokens=self.epochs * tokens)

    def train(self, student: SimulatedStudent, data: Data, rng: np.random.Generator) -> TrainResult:
        """Teach ``data``; with none, change nothing.

        The loss of an example is -log(chance of a right answer), in nats, before the student has
        learned from any of them, as the first pass over fresh data would show it.
        """
        if not data:
            return TrainResult(math.nan, 0, Cost())
        started = perf_counter()
        cells = student.cells(data)
        exercises = np.array([e.kind == EXERCISE for e in data])
        counts = student.tally(cells[exercises])
        surprise: FloatArray = -np.log(np.maximum(student.accuracy, LEAST_CHANCE))
        found = np.where(exercises, surprise.ravel()[cells], np.nan)
        loss = float((counts * surprise).sum() / exercises.sum()) if exercises.any() else math.nan
        losses = tuple(found.tolist())
        student.learn(counts, rng)
        cost = replace(self.cost(student, data), seconds=perf_counter() - started)
        return TrainResult(loss, self.epochs, cost, losses)


def simulated(student: SimulatedStudent, *, epochs: Epochs = 1) -> SimulatedTrainer:
    """Counts examples; for the simulated student."""
    return SimulatedTrainer(epochs)
