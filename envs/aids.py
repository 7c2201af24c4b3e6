"""Aids: texts of the teacher's that stand before the prompts in an evaluation of its own.

A worked example, a strategy or a hint can help a student that was not trained on it. What a
student can do with aids is measured after every step beside what it can do without, on the same
items, and paid for like it. It is shown by itself: rewards, the best student and ``test`` are of
the student without aids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from teachgym.protocols import Task
from teachgym.tasks.task import TaskWrapper
from teachgym.types import Example, Split

EVERY_SKILL = ""
"""Names the aid of the skills that have none of their own."""


class Aided(TaskWrapper):
    """The task with an aid before every prompt, graded as it is without.

    Args:
        task: whose items are asked.
        aids: texts by leaf skill, or by ``EVERY_SKILL``.
    """

    def __init__(self, task: Task, aids: Mapping[str, str]) -> None:
        super().__init__(task)
        self.aids = aids

    def examples(self, split: Split) -> Sequence[Example]:
        """The task's, each with the aid of its skill before its prompt."""
        return [replace(e, prompt=self._aid_of(e) + e.prompt) for e in self.task.examples(split)]

    def _aid_of(self, example: Example) -> str:
        return self.aids.get(example.skill, self.aids.get(EVERY_SKILL, ""))

    def inside(self, example: Example) -> Example:
        """The example without its aid."""
        return replace(example, prompt=example.prompt.removeprefix(self._aid_of(example)))

    def to_inner(self, example: Example) -> Example:
        """The example as ``unwrapped`` labels it, with its aid."""
        return self.task.to_inner(example)
