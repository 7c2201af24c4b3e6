"""The embedded students of the text tasks: what they know, and that they learn what they do not."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Student, Task
from teachgym.students import learnable_skills, make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from tests.sandbox.walls import sandbox_or_skip


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("word-problems", val_per_cell=4, test_per_cell=1, train_per_cell=1)


@pytest.fixture(scope="module")
def student(task: Task) -> Student:
    return make_student("small", task)


def accuracy(student: Student, task: Task, skill: str) -> float:
    items = [e for e in task.examples("val") if e.skill == skill]
    answers = GenerateAndGrade().predict(student, task, items)
    return float(np.mean([answer.score for answer in answers]))


def test_it_solves_step_by_step_what_it_knows_and_nothing_of_what_it_does_not(
    student: Student, task: Task
) -> None:
    assert accuracy(student, task, "split") > 0.7
    assert accuracy(student, task, "bags") < 0.1
    (item, *_) = (e for e in task.examples("val") if e.skill == "split" and e.difficulty == 1.0)
    (answer,) = student.generate([item.question])
    assert answer.count("=") >= 5
    assert answer.splitlines()[-1].startswith("#### ")


def test_it_writes_its_answers_in_full(student: Student, task: Task) -> None:
    longest = max(student.count_tokens([e.target]) for e in task.examples("val"))
    assert longest <= student.max_new_tokens == 96


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "subject", "skill", "count"),
    [
        ("small", "word-problems", "percent", 300),
        ("small-tools", "tool-plans", "codes+sort", 300),
        ("small-code", "programs", "find", 600),
    ],
)
def test_each_learns_a_skill_that_its_card_calls_learnable(
    name: str, subject: str, skill: str, count: int
) -> None:
    if subject == "programs":
        sandbox_or_skip()
    task = make_task(subject, val_per_cell=4, test_per_cell=1, train_per_cell=1)
    student = make_student(name, task)
    assert skill in learnable_skills(name)
    before, rng = accuracy(student, task, skill), np.random.default_rng(0)
    data = tuple(task.make(skill, task.levels[i % 3], rng) for i in range(count))
    make_trainer(student).train(student, data, rng)
    assert accuracy(student, task, skill) > before + 0.3


@pytest.mark.parametrize(
    ("name", "subject"), [("small-code", "programs"), ("small-tools", "tool-plans")]
)
def test_answers_have_room(name: str, subject: str) -> None:
    if subject == "programs":
        sandbox_or_skip()
    task = make_task(subject, val_per_cell=4, test_per_cell=1, train_per_cell=1)
    student = make_student(name, task)
    items = task.examples("val")
    assert max(student.count_tokens([e.target]) for e in items) <= student.max_new_tokens
