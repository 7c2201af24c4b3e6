"""``stated-confidence``: another task in which the student says how sure it is of its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from teachgym.errors import ConfigError
from teachgym.metrics import brier, calibration_error
from teachgym.settings import checked
from teachgym.shown import shown
from teachgym.tasks.second_try import make_single
from teachgym.tasks.task import TaskWrapper
from teachgym.types import Draft, Example, Grade, Prediction, Score, Split, Turn, score_of

VERSION = "stated-confidence-v0"
MARK = " sure "
"""The text between an answer and its confidence, unless a task is told otherwise."""
MOST = 10
"""The number that says certainty."""

_NUMBER = re.compile(rf"\s*(\d|{MOST})\s*")


class StatedConfidence(TaskWrapper):
    """Another task whose answers end with how sure the student is of them, from 0 to 10.

    The form and the reward of SaySelf (Xu et al. 2024, arXiv 2405.20974, and its released code). A
    stated number s is the confidence p = s / 10, and c is the score of the answer. The paper's
    reward ``1 - 2 (c - p)^2`` is, put into [0, 1] ::

        calibration = 1 - (c - p)^2, and 0 where no confidence can be read

    as in all answers of simulated students. Where answers are right in q of all cases it is
    highest, in the mean, at p = q (Brier 1950); an answer that is wrong and said with 0 has the
    whole, so it says nothing of what is known. Further metrics are ``answer_accuracy``, ``stated``
    (the share of answers with a confidence), and over these alone the mean ``confidence``,
    ``brier`` and ``ece``.

    Differences: no reflection in words stands between answer and number. The task's own targets
    are certain; the teacher ``say-self`` puts there what the student should say.

    One worked example: to ``add 12+34=`` the student answers ``46 sure 7``. The answer is right,
    and its calibration 1 - 0.3^2 = 0.91.

    Args:
        task: a name of `teachgym list tasks`, or one of your own.
        task_settings: the task's own.
        mark: what stands between answer and number.
        measure: what the score is, and so what trainers that grade learn from: the ``answer`` or
            its ``calibration``. The other one is a part of the grade.
        own: further settings of the task, in the place of those in ``task_settings``.

    Raises:
        ConfigError: for an empty mark, or a task that answers back.
    """

    @checked
    def __init__(
        self,
        *,
        task: Any = "arithmetic-and-strings",
        task_settings: Mapping[str, Any] | None = None,
        mark: str = MARK,
        measure: Literal["answer", "calibration"] = "answer",
        **own: Any,
    ) -> None:
        super().__init__(make_single("stated-confidence", task, {**(task_settings or {}), **own}))
        self.name = f"{self.task.name}+{VERSION}"
        self.measure, self._mark = measure, require_mark(mark)

    def inside(self, example: Example) -> Example:
        """The exercise without the statement."""
        return example.with_target(split_off(example.target, self._mark)[0])

    def to_inner(self, example: Example) -> Example:
        """The example, statement and all, as ``unwrapped`` labels it."""
        inner = super().to_inner(example)
        return replace(example, skill=inner.skill, difficulty=inner.difficulty)

    def examples(self, split: Split) -> Sequence[Example]:
        """Those of the task, whose targets are certain."""
        return tuple(map(self._certain, self.task.examples(split)))

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """An example that the task makes, certain."""
        return self._certain(self.task.make(skill, difficulty, rng))

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The task's own example from the draft, stated as certain."""
        return self._certain(self.task.compose(draft, skill, difficulty))

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """The exercise as the task words it, with the same statement."""
        worded = self.task.reword(self.inside(example), rng)
        sure = split_off(example.target, self._mark)[1]
        if worded is None or sure is None:
            return worded
        return worded.with_target(state(worded.target, sure, self._mark))

    def verify(self, example: Example) -> float:
        """The task's verdict on the answer; 0 where nothing is stated."""
        if split_off(example.target, self._mark)[1] is None:
            return 0.0
        return super().verify(example)

    def grade(self, example: Example, response: str) -> float | Grade:
        """Score of the answer or its calibration, each with the other as a part."""
        return self.grade_all([example], [response])[0]

    def grade_all(
        self, examples: Sequence[Example], responses: Sequence[str]
    ) -> Sequence[float | Grade]:
        """See ``grade``."""
        said = [split_off(response, self._mark) for response in responses]
        grades = super().grade_all(examples, [answer for answer, _ in said])
        return [self._told(g, sure) for g, (_, sure) in zip(grades, said, strict=True)]

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> Sequence[float | Grade]:
        """The grades of the answers, before which nothing is said."""
        return self.grade_all(examples, responses)

    def metrics(self, predictions: Sequence[Prediction]) -> Mapping[str, Score]:
        """Those of the task on the answers, and those of the statements."""
        said = [split_off(p.response, self._mark) for p in predictions]
        own = [
            replace(p, response=answer, score=p.parts.get("answer", math.nan))
            for p, (answer, _) in zip(predictions, said, strict=True)
        ]
        words = [math.nan if sure is None else sure for _, sure in said]
        sure = dict(zip(map(id, own), words, strict=True))

        def confidence(prediction: Prediction) -> float:
            return sure[id(prediction)]

        return {
            **super().metrics(own),
            "answer_accuracy": Score.of(p.score for p in own),
            "stated": Score.of(not math.isnan(word) for word in words),
            "confidence": Score.of(words),
            "brier": brier(own, confidence),
            "ece": calibration_error(own, confidence),
        }

    def _certain(self, example: Example) -> Example:
        return example.with_target(state(example.target, 1.0, self._mark))

    def _told(self, grade: float | Grade, sure: float | None) -> Grade:
        right = score_of(grade)
        parts = dict(grade.parts) if isinstance(grade, Grade) else {}
        calibration = 0.0 if sure is None else 1 - (right - sure) ** 2
        parts |= {"answer": right, "calibration": calibration}
        return Grade(parts[self.measure], parts)


def require_mark(mark: str) -> str:
    """Return the mark, which may not be empty, or raise ``ConfigError``."""
    if not mark.strip():
        raise ConfigError(f"mark is {shown(mark)}; it must say something")
    return mark


def state(answer: str, sure: float, mark: str = MARK) -> str:
    """The answer with a confidence in [0, 1], rounded to tenths.

    Example:
        >>> state("46", 0.72)
        '46 sure 7'
    """
    return f"{answer}{mark}{round(MOST * sure)}"


def split_off(text: str, mark: str = MARK) -> tuple[str, float | None]:
    """An answer and its confidence in [0, 1]; None, and the whole text, where none is stated.

    Example:
        >>> split_off("46 sure 7"), split_off("46"), split_off("46 sure of it")
        (('46', 0.7), ('46', None), ('46 sure of it', None))
    """
    answer, found, number = text.rpartition(mark)
    said = _NUMBER.fullmatch(number) if found else None
    return (answer, int(said[1]) / MOST) if said else (text, None)
