"""``pass-rate``: leaves out exercises that the student answers too often or hardly ever."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from teachgym.errors import ConfigError
from teachgym.gate.filters.filter import Asking, Memory, require_single_answers
from teachgym.protocols import Probes, Task
from teachgym.settings import Few, Positive, Share, checked
from teachgym.streams import draw_seed
from teachgym.types import EXERCISE, Data, score_of


@checked
@dataclass(frozen=True, slots=True)
class PassRate(Asking):
    """Keeps exercises that the student solves in some of k samples, but not in too many.

    The second step of DED (arXiv 2508.09883), which takes questions out that the student passes
    too often. Wrong examples have to be taken out before, as there: answers are compared with the
    example's target, so those with a wrong one are hardly ever passed, and stay. Differences: the
    threshold of the paper is not known to us; a least pass rate, which the paper has not, is 0
    unless asked for; samples are the student's own at every step, where the paper's come from the
    model before training.

    Raises:
        ConfigError: for a task that answers back, and for ``least`` above ``most``.
    """

    task: Task
    samples: Few = 4
    """Answers to each exercise, k >= 1, whose tokens are charged."""
    temperature: Positive = 1.0
    """The temperature of the samples, > 0."""
    most: Share = 0.75
    """The highest pass rate that is kept, in [0, 1]."""
    least: Share = 0.0
    """The lowest, in [0, 1]."""

    def __post_init__(self) -> None:
        require_single_answers(self.task)
        if self.least > self.most:
            raise ConfigError(
                f"least is {self.least} and most {self.most}; least must not be above most"
            )

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``; auxiliary text and ungradable examples stay."""
        exercises = [example for example in data if example.kind == EXERCISE]
        answers = probes.sample(
            exercises, k=self.samples, temperature=self.temperature, seed=draw_seed(rng)
        )
        asked = [e for e in exercises for _ in range(self.samples)]
        grades = self.task.grade_all(asked, [text for texts in answers for text in texts])
        scores = np.array([score_of(grade) for grade in grades]).reshape(-1, self.samples)
        rates = map(pass_rate, scores)
        return [self._fault(next(rates)) if e.kind == EXERCISE else None for e in data]

    def _fault(self, rate: float) -> str | None:
        if math.isnan(rate) or self.least <= rate <= self.most:
            return None
        return f"the student's pass rate is {rate:.3g}; it must be in [{self.least}, {self.most}]"


def pass_rate(scores: np.ndarray) -> float:
    """The share of scores, shape (k,), that are 1, leaving out nan; nan = all are nan."""
    graded = scores[~np.isnan(scores)]
    return float(np.mean(graded >= 1)) if len(graded) else math.nan
