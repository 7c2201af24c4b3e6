"""Generate, grade, report: how a student is measured, before and after training alike."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from teachgym.answers import AnswerStore, answers_key
from teachgym.errors import ConformanceError, GradeError
from teachgym.protocols import Evaluator, Student, Task
from teachgym.registry import Registry
from teachgym.shown import shown
from teachgym.types import Example, Grade, Prediction, Prompt, Report, Score, Split, Turn


class Ask(Protocol):
    """A function that asks a student; see ``ask_directly``."""

    def __call__(
        self, student: Student, prompts: Sequence[Prompt], stop: Sequence[str]
    ) -> list[str]:
        """Greedy answers of ``student``, as ``Student.generate`` gives them."""


def ask_directly(student: Student, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
    """Ask by ``student.generate``, for this student alone."""
    return student.generate(prompts, stop=stop)


def read_grade(task: Task, given: Any) -> Grade:
    """The score or ``Grade`` that ``task`` gave for an answer, as a ``Grade``.

    Raises:
        GradeError: for a score, or that of a part, that is neither in [0, 1] nor nan.
    """
    if type(given) is float and 0 <= given <= 1:  # nearly always, and there may be thousands
        return _plain(given)
    grade = given if isinstance(given, Grade) else Grade(given)
    if not isinstance(grade.parts, Mapping):
        raise GradeError(
            f"task {task.name!r} gives the parts {shown(grade.parts)}; map names to scores"
        )
    for name, score in (("", grade.score), *grade.parts.items()):
        known = isinstance(score, float | int | np.bool_) and (math.isnan(score) or 0 <= score <= 1)
        if not known or not isinstance(name, str):
            what = f"the part {shown(name)}" if name else "an answer"
            raise GradeError(
                f"task {task.name!r} gives {what} the score {shown(score)}; it must be in [0, 1], "
                "or nan where it could not be measured"
            )
    return Grade(float(grade.score), {name: float(score) for name, score in grade.parts.items()})


@lru_cache(maxsize=128)
def _plain(score: float) -> Grade:
    return Grade(score)


def report_on(task: Task, predictions: tuple[Prediction, ...], split: Split) -> Report:
    """The report on graded answers to a split, with the task's metrics of them.

    The metrics of several students are pooled: a group that one has right and another wrong is half
    right.

    Raises:
        GradeError: for a metric that is no ``Score``, or that has a mean and n = 0.
    """
    students = dict.fromkeys(p.student for p in predictions)
    if len(students) < 2:
        return Report(predictions, split, _metrics(task, predictions))
    own = [_metrics(task, tuple(p for p in predictions if p.student == s)) for s in students]
    names = dict.fromkeys(name for metrics in own for name in metrics)
    found = {name: [metrics[name] for metrics in own if name in metrics] for name in names}
    return Report(predictions, split, {name: Score.pooled(each) for name, each in found.items()})


def _metrics(task: Task, predictions: tuple[Prediction, ...]) -> Mapping[str, Score]:
    metrics = task.metrics(predictions)
    for name, score in metrics.items():
        sound = isinstance(score, Score) and (score.n > 0 or math.isnan(score.mean))
        if not sound or not isinstance(name, str) or not name:
            raise GradeError(
                f"metric {shown(name)} of task {task.name!r} is {shown(score)}; it must be a "
                "Score, and Score.nothing() where nothing was measured"
            )
    return metrics


class GenerateAndGrade(Evaluator):
    """Asks every example of a split, greedily, and has the task grade the answers.

    The prompts are the examples' own, so the format never changes between two reports, and the
    items are the same each time, so two reports can be paired.

    Args:
        store: remembers answers. Students without a fingerprint are asked every time, and
            answers are graded anew every time, so a grader that was changed takes effect.
        ask: how answers that are not remembered are obtained.
    """

    def __init__(self, store: AnswerStore | None = None, *, ask: Ask = ask_directly) -> None:
        self.store, self.ask = store, ask

    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        """The report over ``task.examples(split)``, in that order, for each member of a group."""
        predictions: list[Prediction] = []
        examples = task.examples(split)
        for name, one in student.members.items():
            found = self.predict(one, task, examples)
            predictions += [replace(p, student=name) for p in found] if name else found
        return report_on(task, tuple(predictions), split)

    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        """The student's graded answers to any examples, in their order.

        What the task says to a response, the student answers in turn: all open conversations at
        once, ``task.max_turns`` times at most.

        Raises:
            ConformanceError: for a task without a turn, of which no student would be asked.
        """
        if task.max_turns < 1:
            raise ConformanceError(
                f"task {task.name!r} has max_turns = {task.max_turns}; it must be 1 or more"
            )
        turns: list[tuple[Turn, ...]] = [()] * len(examples)
        responses = [""] * len(examples)
        waiting = list(range(len(examples)))
        for number in range(1, task.max_turns + 1):
            asked = [examples[i].answering(turns[i]) for i in waiting]
            for i, answer in zip(waiting, self._answers(student, asked, task.stop), strict=True):
                responses[i] = answer
            if number == task.max_turns:
                break
            replies = [task.respond(examples[i], turns[i], responses[i]) for i in waiting]
            answered = [(i, r) for i, r in zip(waiting, replies, strict=True) if r is not None]
            for i, reply in answered:
                turns[i] = (*turns[i], Turn(responses[i], reply))
            waiting = [i for i, _ in answered]
        if task.max_turns == 1:
            given = task.grade_all(examples, responses)
        else:
            given = task.grade_conversations(examples, turns, responses)
        grades = [read_grade(task, grade) for grade in given]
        if len(grades) != len(examples):
            raise GradeError(
                f"task {task.name!r} gives {len(grades)} grades to {len(examples)} answers"
            )
        return tuple(
            Prediction(example, response, grade.score, grade.parts, said)
            for example, response, grade, said in zip(
                examples, responses, grades, turns, strict=True
            )
        )

    def _answers(
        self, student: Student, examples: Sequence[Example], stop: Sequence[str]
    ) -> list[str]:
        """Remembered answers, or new ones.

        A simulated student is told the right answers first (``read_key``): it cannot know them.
        """
        if not examples:
            return []
        student.read_key(examples)
        prompts = [e.question for e in examples]
        if self.store is None or (fingerprint := student.fingerprint()) is None:
            return self._asked(student, prompts, stop)
        key = answers_key(fingerprint, student.max_new_tokens, prompts, stop)
        answers = self.store.get(key, len(prompts))
        if answers is None:
            answers = self._asked(student, prompts, stop)
            self.store.put(key, answers)
        return answers

    def _asked(self, student: Student, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
        """New answers; raises ``ConformanceError`` for anything but a text for each prompt."""
        given: Any = self.ask(student, prompts, stop)
        is_list = isinstance(given, Collection) and not isinstance(given, str)
        answers = [text for text in given if isinstance(text, str)] if is_list else []
        if len(answers) != len(prompts) or len(answers) != len(given):
            raise ConformanceError(
                f"a {type(student).__name__} answers {len(prompts)} prompts by {shown(given)}; "
                "generate must give a list with a text for each of them"
            )
        return answers


EVALUATORS = Registry(
    "evaluator",
    {"generate-and-grade": "teachgym.evaluation:GenerateAndGrade"},
    services={"store": None, "ask": None},
    base=Evaluator,
)
"""Every evaluator, called as ``(**settings)``, and with ``store`` (None = remember nothing) and
``ask`` if it has parameters of these names."""
