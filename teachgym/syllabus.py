"""``Syllabus``: what those who write training data for a task may know of it.

Engines and teachers get one instead of the task: its skills, its training pool, its format and
its grader, and no way to ``val`` and ``test``: the grader can be called, and the task behind it
cannot be reached (``teachgym.capability``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from teachgym.capability import Capability
from teachgym.protocols import Task
from teachgym.shown import in_short
from teachgym.types import Brief, Draft, Example, Skill, score_of


def _nothing(example: Example) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Syllabus:
    """A task without its held-out splits."""

    task: str
    """Name of the task."""
    skills: tuple[Skill, ...]
    """Every skill, roots and leaves."""
    brief: Brief
    """The domain's fragments of prompts."""
    train: Sequence[Example]
    """The task's own training examples; may be empty."""
    compose: Callable[[Draft, str, float | None], Example]
    """Gives a draft for a skill at a difficulty the form that students see; raises
    ``ConfigError`` for a draft that cannot be one."""
    grade: Callable[[Example, str], float]
    """The task's grader: score of a response, in [0, 1]; nan = could not be measured."""
    verify: Callable[[Example], float]
    """1 if an example's own target is right, as far as the task can tell; less or nan if not."""
    diagnose: Callable[[Example], str] = _nothing
    """The fault of an example's own target or tests; empty = none that can be told."""
    describe: Callable[[Example], str] = _nothing
    """The content of an example's pictures in words; empty = none that can be told."""

    __repr__ = in_short

    @classmethod
    def of(cls, task: Task) -> Syllabus:
        """The knowledge that ``task`` gives to writers."""

        def grade(example: Example, response: str) -> float:
            return score_of(task.grade(example, response))

        call = Capability(
            grade=grade,
            verify=task.verify,
            compose=task.compose,
            diagnose=task.diagnose,
            describe=task.describe,
        )
        return cls(
            task=task.name,
            skills=tuple(task.skills),
            brief=task.brief,
            train=tuple(task.examples("train")),
            compose=partial(call, "compose"),
            grade=partial(call, "grade"),
            verify=partial(call, "verify"),
            diagnose=partial(call, "diagnose"),
            describe=partial(call, "describe"),
        )
