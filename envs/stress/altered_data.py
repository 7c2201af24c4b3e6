"""``TrainOnAltered``: trains the student on altered data, such as that without some skills."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from teachgym.protocols import Student
from teachgym.training.wrapper import TrainerWrapper
from teachgym.types import Cost, Data, TrainResult

Alteration = Callable[[Student, Data], Data]
"""A function from data to altered data: some of its prompts, in order; pure."""


@dataclass(frozen=True)
class DropSkills:
    """The data without the examples of ``skills``; see ``Alteration``.

    A skill can still rise by what it has in common with other skills that are taught.
    """

    skills: frozenset[str]

    def __call__(self, student: Student, data: Data) -> Data:
        """The remaining examples, in order."""
        return tuple(example for example in data if example.skill not in self.skills)


@dataclass(frozen=True, eq=False)
class TrainOnAltered(TrainerWrapper):
    """A trainer that alters the data first and charges for the original data.

    The teacher pays as if nothing had been altered, so stress shows in what the student can do
    and never in the budget.
    """

    alterations: tuple[Alteration, ...]
    """In the order in which they are applied."""

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Train on the altered data; without data, change nothing."""
        altered = data
        for alter in self.alterations:
            altered = alter(student, altered)
        result = TrainResult(math.nan, 0, Cost())
        if altered:
            result = self.trainer.train(student, altered, rng)
        tokens = self.cost(student, data).train_tokens
        losses = _align(data, altered, result.losses)
        return replace(result, losses=losses, cost=replace(result.cost, train_tokens=tokens))


def _align(data: Data, altered: Data, losses: Sequence[float]) -> tuple[float, ...]:
    """The losses of the altered data at the places of the examples handed in; nan elsewhere.

    Prompts and skills are never altered, and equal ones fare alike, so they tell who is who.
    """
    if len(losses) != len(altered):
        return ()
    left = deque(zip(((e.identity, e.skill) for e in altered), losses, strict=True))
    return tuple(
        left.popleft()[1] if left and left[0][0] == (example.identity, example.skill) else math.nan
        for example in data
    )
