"""A simulated student is the same under whatever labels its task is shown."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.skills.relabelled import Relabelled
from teachgym.skills.sources import find_skills
from teachgym.students import make_student
from teachgym.students.simulated import SimulatedStudent
from teachgym.tasks import make_task
from teachgym.types import Data

TASK = make_task("arithmetic-and-strings", train_per_cell=2, val_per_cell=4, test_per_cell=1)


def student_of(source: str) -> tuple[Relabelled, SimulatedStudent]:
    task = Relabelled(TASK, find_skills(source, TASK))
    student = make_student("simulated", task)
    assert isinstance(student, SimulatedStudent)
    return task, student


def made_for(task: Relabelled, skill: str) -> Data:
    rng = np.random.default_rng(0)
    return tuple(task.make(skill, None, rng) for _ in range(40))  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", ["opaque", "roots", "one", "shuffled", "clusters-7"])
def test_it_answers_as_under_the_tasks_own_skills(source: str) -> None:
    plain = make_student("simulated", TASK)
    prompts = [e.question for e in TASK.examples("val")]
    assert student_of(source)[1].generate(prompts) == plain.generate(prompts)


@pytest.mark.parametrize("source", ["opaque", "roots", "one", "shuffled"])
def test_it_learns_what_an_example_asks_for_not_what_it_is_called(source: str) -> None:
    """Counted by the first word of each prompt, which names the task's own skill."""
    task, student = student_of(source)
    data = made_for(task, task.examples("val")[0].skill)
    own = [e.prompt.partition(" ")[0] for e in data]
    counts = student.tally(student.cells(data)).sum(axis=1)
    assert dict(zip(student.skills, counts, strict=True)) == {
        skill: own.count(skill) for skill in student.skills
    }


def test_a_task_that_cannot_tell_is_taken_at_the_commonest_skill() -> None:
    """Root ``copying`` has three equally common leaves; the first of them stands for a new text."""
    task, student = student_of("roots")
    example = made_for(task, "copying")[0]
    unreadable = type(example)("What now?", "x", "copying", difficulty=0.0)
    assert task.to_inner(unreadable).skill == "copy"
    assert len(student.cells((unreadable,))) == 1
