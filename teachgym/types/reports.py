"""Evaluations: a mean is never shown without its n and its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from teachgym.escaping import notebook_table
from teachgym.types.examples import Prediction, Split


@dataclass(frozen=True, slots=True)
class SkillScore:
    """A mean that is never shown without its n and its standard error."""

    n: int
    """Measured predictions; 0 = not measured, and then mean and stderr are nan."""
    mean: float
    """In [0, 1]."""
    stderr: float
    """Standard error of the mean."""

    def __str__(self) -> str:
        """The mean with its standard error and n; one item has no error to be known.

        Example:
            >>> print(SkillScore(100, 0.5, 0.05))
            0.500 ± 0.050 (n=100)
        """
        if not self.n:
            return "not measured"
        error = f" ± {self.stderr:.3f}" if self.n > 1 else ""
        return f"{self.mean:.3f}{error} (n={self.n})"

    @classmethod
    def nothing(cls) -> SkillScore:
        """Not measured."""
        return cls(0, math.nan, math.nan)

    @classmethod
    def of_predictions(cls, predictions: Iterable[Prediction]) -> SkillScore:
        """Mean score of the predictions that could be graded."""
        return cls.of(np.array([p.score for p in predictions], dtype=np.float64))

    @classmethod
    def of(cls, scores: np.ndarray) -> SkillScore:
        """Mean, n and standard error of ``scores`` of shape (n,), nan entries left out.

        The standard error is sqrt(p (1 - p) / n) for right-or-wrong scores and in general
        sqrt(mean squared deviation / n): the error of a mean over items drawn from the task.
        """
        measured = scores[~np.isnan(scores)]
        if measured.size == 0:
            return cls.nothing()
        return cls(
            int(measured.size), float(measured.mean()), float(measured.std() / measured.size**0.5)
        )


@dataclass(frozen=True)
class Report:
    """An evaluation of the student: the paper's state s_t before any summary."""

    predictions: tuple[Prediction, ...]
    """In the order of the task's split, which never changes, so two reports can be paired."""
    split: Split

    def __repr__(self) -> str:
        missing = len(self.predictions) - self.overall.n
        left_out = f", {missing:,} not measured" if missing and self.overall.n else ""
        return f"<Report on {self.split}: {self.overall}{left_out}>"

    def _repr_html_(self) -> str:
        """Accuracy by skill, for notebooks."""
        title = f"Report on {self.split}: {self.overall}"
        return notebook_table(title, ("skill", "accuracy"), self.by_skill().items())

    @cached_property
    def scores(self) -> np.ndarray:
        """Scores of the predictions, shape (n_predictions,); nan = not measured."""
        return np.array([p.score for p in self.predictions], dtype=np.float64)

    @cached_property
    def overall(self) -> SkillScore:
        """Score over all predictions."""
        return SkillScore.of(self.scores)

    @property
    def accuracy(self) -> float:
        """Mean score over the measured predictions, in [0, 1]; nan if there are none."""
        return self.overall.mean

    @property
    def stderr(self) -> float:
        """Standard error of ``accuracy``."""
        return self.overall.stderr

    @property
    def errors(self) -> tuple[Prediction, ...]:
        """Measured predictions that are not fully right (score < 1)."""
        return tuple(p for p in self.predictions if p.score < 1)

    def by_skill(self) -> dict[str, SkillScore]:
        """Score per skill name, skills in order of first appearance."""
        groups: dict[str, list[float]] = {}
        for p in self.predictions:
            groups.setdefault(p.example.skill, []).append(p.score)
        return {skill: SkillScore.of(np.array(scores)) for skill, scores in groups.items()}
