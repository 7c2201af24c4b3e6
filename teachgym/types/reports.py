"""``Report``: an evaluation of the student."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from teachgym.escaping import notebook_table
from teachgym.types.examples import Prediction, Split
from teachgym.types.frozen import FrozenDict, freeze
from teachgym.types.scores import Score


@dataclass(frozen=True)
class Report:
    """An evaluation of the student: the paper's state s_t before any summary."""

    predictions: tuple[Prediction, ...]
    """In the order of the task's split, which never changes, so two reports can be paired."""
    split: Split
    metrics: Mapping[str, Score] = FrozenDict()
    """``Task.metrics`` of the predictions; empty where the task has none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", freeze(self.metrics))

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
    def overall(self) -> Score:
        """Score over all predictions."""
        return Score.of(self.scores)

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

    def by_skill(self) -> dict[str, Score]:
        """Score per skill name, skills in order of first appearance."""
        return _by_name((p.example.skill, p.score) for p in self.predictions)

    def by_level(self) -> dict[str, Score]:
        """Score per level, levels in order of first appearance; items without one are left out."""
        items = ((p.example.difficulty, p.score) for p in self.predictions)
        return _by_name((f"{level:g}", score) for level, score in items if level is not None)

    def by_part(self) -> dict[str, Score]:
        """Score per part of the grades, parts in order of first appearance."""
        return _by_name(part for p in self.predictions for part in p.parts.items())

    def by_student(self) -> dict[str, Score]:
        """The score of each student, if several were measured."""
        return _by_name((p.student, p.score) for p in self.predictions if p.student)

    @property
    def figures(self) -> dict[str, Score]:
        """All scores besides accuracy, as they are logged.

        ``metric/NAME``, ``part/NAME``, and ``student/NAME`` where there are several students.
        """
        found = {"metric": self.metrics, "part": self.by_part(), "student": self.by_student()}
        return {f"{kind}/{name}": s for kind, own in found.items() for name, s in own.items()}


def _by_name(named: Iterable[tuple[str, float]]) -> dict[str, Score]:
    """Score of each name, names in order of first appearance."""
    groups: dict[str, list[float]] = {}
    for name, score in named:
        groups.setdefault(name, []).append(score)
    return {name: Score.of(scores) for name, scores in groups.items()}
