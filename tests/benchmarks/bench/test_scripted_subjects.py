"""The scripted teachers of other tasks: what they write is right and of the skill ordered."""

from __future__ import annotations

from collections import Counter

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
from teachgym.syllabus import Syllabus
from teachgym.tasks import make_task
from teachgym.types import Budget, Prediction, Report, leaf_skills
from tests.sandbox.walls import sandbox_or_skip

ITEMS = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2}
TEACHERS = {
    "word-problems": word_problems,
    "programs": programs,
    "tool-plans": tool_plans,
    "shapes": shapes,
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
    said = {near: lambda target: target[: len(target) // 2], far: lambda target: "?"}
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
    data = teacher.act(report)
    counts = Counter(e.skill for e in data)
    assert counts.keys() <= {near, far}
    assert counts[near] > 5 * counts[far]
    assert len(data) > 20
    assert all(task.verify(e) == 1 for e in data)
