"""``Rater``: how good a teacher model finds examples, asked before they are trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from teachgym.errors import ConfigError
from teachgym.protocols import Student
from teachgym.training.judges import Judge
from teachgym.types import EXERCISE, Cost, Data, Example, Provenance

if TYPE_CHECKING:
    from teachgym.training.teacher_models import TeacherModel


@dataclass(frozen=True)
class Rater:
    """Writes a judge's score of each example's target into ``Provenance.rating``.

    Auxiliary texts and what the judge cannot tell keep None. A judge that grades with the target
    for a key, such as that of ``oracle``, finds every target right.
    """

    judge: Judge | None = None
    """The judge who scores answers; None = nobody rates and nothing is charged."""

    def price(self, data: Data, student: Student) -> Cost:
        """The most that rating those can cost that have no rating yet.

        Lengths are counted in the student's tokens.
        """
        if self.judge is None or not (asked := tuple(filter(_is_unrated, data))):
            return Cost()
        longest = max(student.count_tokens([e.target]) for e in asked)
        return self.judge.bound(asked, 1, longest)

    def rate(self, data: Data) -> tuple[Data, Cost]:
        """The examples with their ratings, and the price."""
        if self.judge is None or not (asked := tuple(filter(_is_unrated, data))):
            return data, Cost()
        scores, cost = self.judge.judge(asked, [e.target for e in asked])
        told = iter(scores)
        return tuple(_rated(e, next(told)) if _is_unrated(e) else e for e in data), cost


def rater_of(teacher_model: TeacherModel | None) -> Rater:
    """The teacher model as a rater; ``ConfigError`` if there is none, or it judges nothing."""
    judge = None if teacher_model is None else teacher_model.judge
    if judge is None:
        raise ConfigError(
            f"{type(teacher_model).__name__} judges nothing, and proxy='quality' pays its "
            "judgements; choose another teacher_model, such as 'tiny' or 'chat'"
        )
    return Rater(judge)


def _is_unrated(example: Example) -> bool:
    made = example.provenance
    return example.kind == EXERCISE and (made is None or made.rating is None)


def _rated(example: Example, score: float) -> Example:
    rating = None if math.isnan(score) else score
    return replace(example, provenance=replace(example.provenance or Provenance(), rating=rating))
