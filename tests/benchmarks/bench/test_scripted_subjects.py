"""The scripted teachers of other tasks: what they write is right and of the skill ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.open_ended import LLMOpenEnded
from teachgym.benchmarks.bench.scripted_teacher import (
    ScriptedTeacher,
    programs,
    shapes,
    tool_plans,
    word_problems,
)
from teachgym.chat.scripted import Scripted
from teachgym.ledger import Ledger
from teachgym.protocols import Task
from teachgym.syllabus import Syllabus
from teachgym.tasks import make_task
from teachgym.types import Budget, Example, Prediction, Report, leaf_skills
from tests.sandbox.walls import sandbox_or_skip

ITEMS = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2}
TEACHERS = {
    "word-problems": word_problems,
    "programs": programs,
    "tool-plans": tool_plans,
}


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("name", "chat"), TEACHERS.items(), ids=TEACHERS)
def test_mistakes_of_two_skills_are_taught_by_right_exercises(
    name: str, chat: ScriptedTeacher
) -> None:
    """Half of the right answer to items of one skill, nothing of it to those of another."""
    if name == "programs":
        sandbox_or_skip()
    task = make_task(name, **ITEMS)
    near, far = leaf_skills(task.skills)[:2]
    data = taught(task, chat, {near: lambda told: told[: len(told) // 2], far: lambda told: "?"})
    counts = Counter(e.skill for e in data)
    assert counts.keys() <= {near, far}
    assert counts[near] > 5 * counts[far]
    assert len(data) > 20


def test_of_pictures_mistakes_are_counted_since_no_word_is_nearly_another() -> None:
    """As many mistakes of both skills, so half of 30 each, though ``re`` is near to ``red``."""
    task = make_task("shapes", **ITEMS)
    near, far = leaf_skills(task.skills)[:2]
    data = taught(task, shapes, {near: lambda told: told[:-1], far: lambda told: "?"})
    assert Counter(e.skill for e in data) == {near: 15, far: 15}


def taught(
    task: Task, chat: ScriptedTeacher, said: Mapping[str, Callable[[str], str]]
) -> tuple[Example, ...]:
    """What is written for a student that says this of some skills, given the right answer."""
    report = Report(
        tuple(
            Prediction(e, said[e.skill](e.target), 0.0)
            if e.skill in said
            else Prediction(e, e.target, 1.0)
            for e in task.examples("val")
        ),
        "val",
    )
    room = Classroom(Syllabus.of(task), Ledger(Budget(steps=1)), 30, task.levels)
    teacher = LLMOpenEnded(room, chat=Scripted(chat), state=True)
    teacher.reset(0)
    data: tuple[Example, ...] = teacher.act(report)
    assert all(task.verify(e) == 1 for e in data)
    return data
