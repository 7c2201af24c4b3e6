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
from teachgym.protocols import Task, TellsSkill, TellsSkills
from teachgym.shown import in_short
from teachgym.types import Brief, Draft, Example, Skill

PLAIN = Brief(
    domain="exercises",
    problem="The exact text the student is shown, in the format of the examples.",
    solution="",
    answer="The exact text the student should answer, and nothing else.",
)
"""The brief of tasks without one: prompts and targets are written as they are."""


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

    __repr__ = in_short

    @classmethod
    def of(cls, task: Task) -> Syllabus:
        """What ``task`` lets writers know."""
        compose = getattr(task, "compose", compose_plainly)
        call = Capability(grade=task.grade, verify=verifier(task), compose=compose)
        return cls(
            task=task.name,
            skills=tuple(task.skills),
            brief=getattr(task, "brief", PLAIN),
            train=tuple(task.examples("train")),
            compose=partial(call, "compose"),
            grade=partial(call, "grade"),
            verify=partial(call, "verify"),
        )


def verifier(task: Task) -> Callable[[Example], float]:
    """The task's own ``verify``, or whether its grader gives a target full marks."""
    verify: Callable[[Example], float] = getattr(task, "verify", partial(grade_target, task))
    return verify


def skill_reader(task: Task) -> Callable[[str], frozenset[str]]:
    """What tells the leaf skills that a prompt can be of; none = the task cannot tell."""
    if isinstance(task, TellsSkills):
        return task.skills_of
    if isinstance(task, TellsSkill):
        return partial(_one_skill, task)
    return _no_skill


def _one_skill(task: TellsSkill, prompt: str) -> frozenset[str]:
    found = task.skill_of(prompt)
    return frozenset() if found is None else frozenset([found])


def _no_skill(prompt: str) -> frozenset[str]:
    return frozenset()


def grade_target(task: Task, example: Example) -> float:
    """The grade of an example's own target."""
    return task.grade(example, example.target)


def compose_plainly(draft: Draft, skill: str, difficulty: float | None) -> Example:
    """An example whose prompt is the problem and whose target is the answer."""
    return Example(
        draft.problem,
        draft.answer,
        skill,
        source="teacher",
        difficulty=difficulty,
        rejected=draft.rejected or None,
    )
