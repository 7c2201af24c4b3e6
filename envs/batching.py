"""A rendezvous that trains and asks the students of several environments at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgym.protocols import Student
from teachgym.rendezvous import Rendezvous
from teachgym.training.wrapper import TrainerWrapper
from teachgym.types import Data, Prompt, TrainResult


def open_rendezvous() -> Rendezvous:
    """Open a rendezvous that trains and asks the students of one pool."""
    return Rendezvous({"train": _train_rows, "generate": _ask_rows})


@dataclass(frozen=True, eq=False)
class BatchedTrainer(TrainerWrapper):
    """A row's trainer and its way to ask, through the rendezvous if that is open and useful.

    What can only be done one by one is done right here, so that its errors are this row's alone.
    """

    rendezvous: Rendezvous
    row: int

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Train the student, together with those of other rows if the trainer can."""
        if not (self.rendezvous.running and self.trainer.batchable):
            return self.trainer.train(student, data, rng)
        request = (self.trainer, student, data, rng)
        result: TrainResult = self.rendezvous.ask("train", self.row, request)
        return result

    def ask(self, student: Student, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
        """The student's answers; see ``teachgym.evaluation.Ask``."""
        if not (self.rendezvous.running and student.batchable):
            return student.generate(prompts, stop=stop)
        answers: list[str] = self.rendezvous.ask("generate", self.row, (student, prompts, stop))
        return answers


def _train_rows(rows: Sequence[int], requests: Sequence[Any]) -> list[TrainResult]:
    """Train students of one pool at once; they have one trainer."""
    trainers, students, data, rngs = zip(*requests, strict=True)
    results: list[TrainResult] = trainers[0].train_together(students, data, rngs)
    return results


def _ask_rows(rows: Sequence[int], requests: Sequence[Any]) -> list[list[str]]:
    """Ask students of one pool at once, those whose tasks have the same stops."""
    answers: dict[int, list[str]] = {}
    for stop in dict.fromkeys(tuple(stops) for _, _, stops in requests):
        places = [place for place, (_, _, own) in enumerate(requests) if tuple(own) == stop]
        students, prompts, _ = zip(*(requests[place] for place in places), strict=True)
        together = students[0].generate_together(students, prompts, stop=stop)
        answers |= zip(places, together, strict=True)
    return [answers[place] for place in range(len(requests))]
