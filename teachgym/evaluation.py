"""Generate, grade, report: how a student is measured, before and after training alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from teachgym.answers import AnswerStore, answers_key
from teachgym.protocols import Student, Task
from teachgym.types import Example, Prediction, Prompt, Report, Split


class Ask(Protocol):
    """How a student is asked."""

    def __call__(
        self, student: Student, prompts: Sequence[Prompt], stop: Sequence[str]
    ) -> list[str]:
        """Greedy answers of ``student``, as ``Student.generate`` gives them."""


def ask_directly(student: Student, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
    """``student.generate``."""
    return student.generate(prompts, stop=stop)


class GenerateAndGrade:
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
        """The report over ``task.examples(split)``, in that order."""
        return Report(self.predict(student, task, task.examples(split)), split)

    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        """The student's graded answers to any examples, in their order.

        A simulated student is told the right answers first (``read_key``): it cannot know them.
        """
        student.read_key(examples)
        responses = self._answers(student, [e.question for e in examples], task.stop)
        scores = task.grade_all(examples, responses)
        return tuple(map(Prediction, examples, responses, scores))

    def _answers(
        self, student: Student, prompts: Sequence[Prompt], stop: Sequence[str]
    ) -> list[str]:
        """Remembered answers, or new ones."""
        if self.store is None or (fingerprint := student.fingerprint()) is None:
            return self.ask(student, prompts, stop)
        key = answers_key(fingerprint, student.max_new_tokens, prompts, stop)
        answers = self.store.get(key, len(prompts))
        if answers is None:
            answers = self.ask(student, prompts, stop)
            self.store.put(key, answers)
        return answers
