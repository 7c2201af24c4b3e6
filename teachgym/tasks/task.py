"""``Task``, from which every task derives; one of given items; and one that changes another.

A task in full::

    class Doubling(Task):
        name, skills = "doubling-v0", (Skill("double"),)

        def examples(self, split: Split) -> Sequence[Example]:
            first = 100 * SPLITS.index(split)
            return tuple(
                Example(f"{n} + {n} =", str(2 * n), "double", f"{split}/{n}", source="task")
                for n in range(first, first + 100)
            )

        def grade(self, example: Example, response: str) -> float:
            return float(response.strip() == example.target)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from teachgym.protocols import Task
from teachgym.types import Draft, Example, Grade, Prediction, Score, Split, Turn

__all__ = ["ListedTask", "Task", "TaskWrapper", "only", "opening_of"]


def only(skills: Collection[str]) -> str | None:
    """The skill if there is exactly one, else None."""
    return next(iter(skills)) if len(skills) == 1 else None


def opening_of(instruction: str) -> str:
    """The beginning of prompts with an instruction, which may be empty."""
    return f"{instruction.strip()}\n\n" if instruction.strip() else ""


class ListedTask(Task):
    """A task whose items are made with it."""

    _examples: Mapping[Split, Sequence[Example]]

    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of a split, in the order in which they were made."""
        return self._examples[split]


class TaskWrapper(Task):
    """A task that passes everything on to ``task``, like ``gymnasium.Wrapper`` for environments.

    Derive from it and override what is to be changed. Where examples are others than those of
    ``task``, ``inside`` says which of its own they are; grades, verdicts and metrics are of these.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.name, self.skills, self.levels = task.name, task.skills, task.levels
        self.stop, self.max_turns, self.brief = task.stop, task.max_turns, task.brief
        self.relies_on = task.relies_on

    def inside(self, example: Example) -> Example:
        """The example as ``task`` knows it; by default, as it is."""
        return example

    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of ``task``."""
        return self.task.examples(split)

    def grade(self, example: Example, response: str) -> float | Grade:
        """The grade of ``task``."""
        return self.task.grade(self.inside(example), response)

    def grade_all(
        self, examples: Sequence[Example], responses: Sequence[str]
    ) -> Sequence[float | Grade]:
        """The grades of ``task``."""
        return self.task.grade_all([self.inside(e) for e in examples], responses)

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        """The reply of ``task``."""
        return self.task.respond(self.inside(example), turns, response)

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> Sequence[float | Grade]:
        """The grades of ``task``."""
        own = [self.inside(e) for e in examples]
        return self.task.grade_conversations(own, turns, responses)

    def metrics(self, predictions: Sequence[Prediction]) -> Mapping[str, Score]:
        """The metrics of ``task``."""
        own = [replace(p, example=self.inside(p.example)) for p in predictions]
        return self.task.metrics(own)

    def verify(self, example: Example) -> float:
        """The verdict of ``task`` on the target."""
        return self.task.verify(self.inside(example))

    def diagnose(self, example: Example) -> str:
        """The fault that ``task`` finds in target or tests."""
        return self.task.diagnose(self.inside(example))

    def describe(self, example: Example) -> str:
        """The description of the pictures by ``task``."""
        return self.task.describe(self.inside(example))

    def check_auxiliary(self, example: Example) -> str | None:
        """The fault that ``task`` finds in auxiliary text."""
        return self.task.check_auxiliary(self.inside(example))

    def skill_of(self, prompt: str) -> str | None:
        """The skill that ``task`` reads off the prompt."""
        return self.task.skill_of(prompt)

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The skills that ``task`` reads off the prompt."""
        return self.task.skills_of(prompt)

    @property
    def is_procedural(self) -> bool:
        """Whether ``task`` can make examples."""
        return self.task.is_procedural

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """An example that ``task`` makes."""
        return self.task.make(skill, difficulty, rng)

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """The example as ``task`` words it, with the labels that it has here."""
        worded = self.task.reword(self.inside(example), rng)
        return worded and replace(worded, skill=example.skill, difficulty=example.difficulty)

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example that ``task`` makes of the draft."""
        return self.task.compose(draft, skill, difficulty)

    @property
    def unwrapped(self) -> Task:
        """The task under all wrappers."""
        return self.task.unwrapped

    def to_inner(self, example: Example) -> Example:
        """The example as ``unwrapped`` labels it."""
        return self.task.to_inner(self.inside(example))
