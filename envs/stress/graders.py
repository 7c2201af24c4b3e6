"""Unreliable graders: saturated skills and noise, as a wrapper of an evaluator.

The task's own grader is left alone, so gate, engines and writers still see what is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from teachgym.evaluation import report_on
from teachgym.protocols import Evaluator, Student, Task
from teachgym.streams import chance
from teachgym.types import Example, Prediction, Report, Split


@dataclass(frozen=True)
class Regraded:
    """An evaluator that changes the scores of predictions."""

    evaluator: Evaluator
    score: Callable[[Prediction], float]
    """The score in [0, 1] of a graded prediction; pure."""
    only: Split | None = None
    """The only split whose reports are concerned; None = everything that is ever graded."""

    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        """The report with other scores."""
        report = self.evaluator.evaluate(student, task, split)
        if self.only not in (None, split):
            return report
        return report_on(task, self._regrade(report.predictions), split)

    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        """The predictions, with other scores unless a split is named."""
        predictions = self.evaluator.predict(student, task, examples)
        return predictions if self.only else self._regrade(predictions)

    def _regrade(self, predictions: Iterable[Prediction]) -> tuple[Prediction, ...]:
        return tuple(replace(p, score=self.score(p)) for p in predictions)


@dataclass(frozen=True)
class SaturatedScores:
    """Full marks for any answer to an example of ``skills``."""

    skills: frozenset[str]

    def __call__(self, prediction: Prediction) -> float:
        """1 in these skills, else the score; nan stays nan."""
        saturated = prediction.example.skill in self.skills and not math.isnan(prediction.score)
        return 1.0 if saturated else prediction.score


@dataclass(frozen=True)
class FlippedScores:
    """A score s becomes 1 - s with probability ``rate``; equal answers get equal scores.

    Expected accuracy is rate + (1 - 2 rate) * accuracy: a right answer is seen as right with
    chance 1 - rate, a wrong one with chance rate. So gains, and rewards made of them, shrink by
    the factor 1 - 2 rate; at 1/2 a grade says nothing, above it gains are seen as losses.
    """

    rate: float
    seed: int = 0
    """Another one turns over other scores, >= 0."""

    def __call__(self, prediction: Prediction) -> float:
        """The score that is seen; nan stays nan."""
        key = ("grader_noise", prediction.example.id, prediction.response)
        turned = chance(self.seed, *key) < self.rate
        return 1 - prediction.score if turned else prediction.score
