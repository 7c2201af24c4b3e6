"""``SeveralTasks``: one task made of several, whose skills carry the names of their tasks.

So an environment holds several tasks as it holds one: their items are measured together, a
teacher orders from all of their skills, and one budget pays for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from teachgym.errors import (
    SEPARATOR,
    ConfigError,
    UnknownSkillError,
    require_part_names,
    unknown,
)
from teachgym.settings import FromJson, Table, build, checked
from teachgym.shown import shown
from teachgym.tasks import TASKS, make_task
from teachgym.tasks.task import ListedTask, Task, only
from teachgym.types import (
    SPLITS,
    Brief,
    Draft,
    Example,
    Grade,
    Prediction,
    Score,
    Skill,
    Split,
    Turn,
    leaf_skills,
)


@checked
@dataclass(frozen=True)
class TaskPart:
    """The settings of one of the tasks."""

    task: Any
    """A name of `teachgym list tasks`, or one of your own."""
    task_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """The task's own."""

    def __post_init__(self) -> None:
        TASKS.check(self.task, self.task_settings)


class SeveralTasks(ListedTask):
    """All skills, items and levels of several tasks in one.

    The skill ``add`` of the task that is called ``sums`` is ``sums/add``, and ids alike. A level
    is one of any of the tasks, and what is made at a level that its task lacks has the nearest.

    Args:
        tasks: by the name that their skills get, at least one.

    Raises:
        ConfigError: for a name that is empty or holds ``/``, and for a prompt that is in one
            split of one task and in another split of another, or held out by two.
    """

    def __init__(self, *, tasks: Mapping[str, FromJson[TaskPart]]) -> None:
        require_part_names("tasks", tasks)
        self._tasks = {name: _made(name, settings) for name, settings in tasks.items()}
        parts = self._tasks.values()
        self.name = "+".join(f"{name}:{task.name}" for name, task in self._tasks.items())
        self.skills = tuple(_named(s, n) for n, task in self._tasks.items() for s in task.skills)
        self.levels = tuple(sorted({level for task in parts for level in task.levels}))
        # Elsewhere an answer may go on, and the grader reads no further anyway.
        self.stop = tuple(
            text for text in next(iter(parts)).stop if all(text in task.stop for task in parts)
        )
        self.max_turns = max(task.max_turns for task in parts)
        self.brief = _brief({name: task.brief for name, task in self._tasks.items()})
        self.relies_on = {
            _join(name, what): which
            for name, task in self._tasks.items()
            for what, which in task.relies_on.items()
        }
        self._leaves = leaf_skills(self.skills)
        self._examples = {
            split: tuple(
                _outer(e, name) for name, task in self._tasks.items() for e in task.examples(split)
            )
            for split in SPLITS
        }
        _require_apart(self._examples)

    def grade(self, example: Example, response: str) -> float | Grade:
        """The grade that the example's own task gives."""
        task, inner = self._own(example)
        return task.grade(inner, response)

    def grade_all(
        self, examples: Sequence[Example], responses: Sequence[str]
    ) -> Sequence[float | Grade]:
        """The grades of the examples' own tasks, each for all of its own at once."""
        return self.grade_conversations(examples, [()] * len(examples), responses)

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        """The reply of the example's own task, as long as it gives one."""
        task, inner = self._own(example)
        over = len(turns) + 1 >= task.max_turns
        return None if over else task.respond(inner, turns, response)

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> Sequence[float | Grade]:
        """The grades of the examples' own tasks, each for all of its own at once."""
        places: dict[str, list[int]] = {}
        for place, example in enumerate(examples):
            places.setdefault(self._split(example.skill)[0], []).append(place)
        grades: list[float | Grade] = [math.nan] * len(examples)
        for name, own in places.items():
            inner = [self._own(examples[place])[1] for place in own]
            task, said = self._tasks[name], [responses[place] for place in own]
            if task.max_turns == 1:
                found = task.grade_all(inner, said)
            else:
                found = task.grade_conversations(inner, [turns[place] for place in own], said)
            for place, grade in zip(own, found, strict=True):
                grades[place] = grade
        return grades

    def metrics(self, predictions: Sequence[Prediction]) -> Mapping[str, Score]:
        """The metrics of each task on its own items, under its name."""
        own: dict[str, list[Prediction]] = {name: [] for name in self._tasks}
        for p in predictions:
            name, _ = self._split(p.example.skill)
            own[name].append(replace(p, example=self._own(p.example)[1]))
        return {
            _join(name, metric): score
            for name, its in own.items()
            for metric, score in self._tasks[name].metrics(its).items()
        }

    def verify(self, example: Example) -> float:
        """The verdict of the example's own task."""
        task, inner = self._own(example)
        return task.verify(inner)

    def diagnose(self, example: Example) -> str:
        """The fault that the example's own task finds in target or tests."""
        task, inner = self._own(example)
        return task.diagnose(inner)

    def describe(self, example: Example) -> str:
        """The description of the pictures by the example's own task."""
        task, inner = self._own(example)
        return task.describe(inner)

    def check_auxiliary(self, example: Example) -> str | None:
        """The fault that the example's own task finds in auxiliary text."""
        task, inner = self._own(example)
        return task.check_auxiliary(inner)

    def skill_of(self, prompt: str) -> str | None:
        """The only one of ``skills_of``; None if there are several or none."""
        return only(self.skills_of(prompt))

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The skills that tasks read off the prompt, and all skills of tasks that cannot tell."""
        found = {name: task.skills_of(prompt) for name, task in self._tasks.items()}
        if not any(found.values()):
            return frozenset()
        return frozenset(
            leaf
            for leaf in self._leaves
            for name, own in [self._split(leaf)]
            if own in (found[name] or {own})
        )

    @property
    def is_procedural(self) -> bool:
        """Whether all of the tasks are procedural."""
        return all(task.is_procedural for task in self._tasks.values())

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """An example that the skill's own task makes."""
        if not self.is_procedural:
            return super().make(skill, difficulty, rng)
        if skill not in self._leaves:
            raise UnknownSkillError(unknown("leaf skill", skill, self._leaves))
        name, own = self._split(skill)
        return _outer(self._tasks[name].make(own, difficulty, rng), name)

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """The example as its own task words it."""
        task, inner = self._own(example)
        worded = task.reword(inner, rng)
        return worded and replace(worded, skill=example.skill, id=example.id)

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example that the skill's own task makes of the draft."""
        name, own = self._split(skill)
        return _outer(self._tasks[name].compose(draft, own, difficulty), name)

    def _own(self, example: Example) -> tuple[Task, Example]:
        """The task that the example is of, and the example as it knows it."""
        name, skill = self._split(example.skill)
        # An id without the task's name is none of its own, even if it looks like one of them.
        owner, _, identity = example.id.partition(SEPARATOR)
        own = replace(example, skill=skill, id=identity if owner == name else "")
        return self._tasks[name], own

    def _split(self, skill: str) -> tuple[str, str]:
        """The names of the task and of its own skill."""
        name, _, own = skill.partition(SEPARATOR)
        if name not in self._tasks:
            raise UnknownSkillError(unknown("skill", skill, self._leaves))
        return name, own


def _made(name: str, settings: Any) -> Task:
    part = build(f"task {name!r}", TaskPart, settings=settings)
    return make_task(part.task, **part.task_settings)


def _join(name: str, own: str) -> str:
    return f"{name}{SEPARATOR}{own}"


def _named(skill: Skill, name: str) -> Skill:
    """The skill of a task under the name that it has here."""
    parent = skill.parent and _join(name, skill.parent)
    return replace(skill, name=_join(name, skill.name), parent=parent)


def _outer(example: Example, name: str) -> Example:
    """The example of a task as it is here."""
    identity = example.id and _join(name, example.id)
    return replace(example, skill=_join(name, example.skill), id=identity)


def _brief(briefs: Mapping[str, Brief]) -> Brief:
    """One brief that says of each task what its own does."""

    def joined(read: Callable[[Brief], str]) -> str:
        texts = {name: text for name, brief in briefs.items() if (text := read(brief))}
        if len(set(texts.values())) <= 1:
            return "".join(list(texts.values())[:1])
        return " ".join(f"For skills of {name!r}: {text}" for name, text in texts.items())

    return Brief(
        domain=" and ".join(dict.fromkeys(brief.domain for brief in briefs.values())),
        problem=joined(lambda brief: brief.problem),
        solution=joined(lambda brief: brief.solution),
        answer=joined(lambda brief: brief.answer),
    )


def _require_apart(examples: Mapping[Split, Sequence[Example]]) -> None:
    """Raise ``ConfigError`` for what is held out of one task and met in another."""
    held_out: dict[str, tuple[Split, Example]] = {}
    for split in ("test", "val", "train"):
        for example in examples[split]:
            where, other = held_out.get(example.identity, (split, example))
            # A task may have an item twice, as published ones do.
            if where != split or _task_of(other) != _task_of(example):
                raise ConfigError(
                    f"the prompt {shown(example.prompt)} is in {split} ({example.id}) and in "
                    f"{where} ({other.id}); tasks that are taught together must not share what is "
                    "held out"
                )
            if split != "train":
                held_out[example.identity] = split, example


def _task_of(example: Example) -> str:
    return example.skill.partition(SEPARATOR)[0]
