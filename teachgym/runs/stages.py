"""Say what a step is doing while it does it: for progress displays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.protocols import Evaluator, Student, Task, Trainer
from teachgym.types import Cost, Data, Example, Prediction, Report, Split, TrainResult

Say = Callable[[str], None]
"""Told what begins, in a few words."""


def announce_stages(env: gym.Env[Any, Any], say: Say) -> None:
    """Have ``say`` told what each step of ``env``, a ``TeacherEnv``, is at."""
    base: Any = env.unwrapped
    base.trainer = _AnnouncedTrainer(base.trainer, say)
    base.evaluator = _AnnouncedEvaluator(base.evaluator, say)


@dataclass(frozen=True)
class _AnnouncedTrainer(Trainer[Any]):
    trainer: Trainer[Any]
    say: Say

    def cost(self, student: Student, data: Data) -> Cost:
        return self.trainer.cost(student, data)

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        self.say(f"training on {len(data)} examples")
        return self.trainer.train(student, data, rng)


@dataclass(frozen=True)
class _AnnouncedEvaluator:
    evaluator: Evaluator
    say: Say

    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        self.say(f"evaluating on {split}")
        report = self.evaluator.evaluate(student, task, split)
        self.say("making data")
        return report

    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        self.say(f"asking the student {len(examples)} new examples")
        return self.evaluator.predict(student, task, examples)
