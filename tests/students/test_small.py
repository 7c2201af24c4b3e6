"""The embedded student of word problems: what it knows, and that it learns what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Student, Task
from teachgym.students import learnable_skills, make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer


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
    assert accuracy(student, task, "fewer") == 0.0
    (item, *_) = (e for e in task.examples("val") if e.skill == "split" and e.difficulty == 1.0)
    (answer,) = student.generate([item.question])
    assert answer.count("=") >= 5
    assert answer.splitlines()[-1].startswith("#### ")


def test_it_writes_its_answers_in_full(student: Student, task: Task) -> None:
    longest = max(student.count_tokens([e.target]) for e in task.examples("val"))
    assert longest <= student.max_new_tokens == 96


def test_it_learns_a_skill_that_it_can_learn(student: Student, task: Task) -> None:
    assert "fewer" in learnable_skills("small")
    rng, untaught = np.random.default_rng(0), student.save()
    data = tuple(task.make("fewer", 0.0, rng) for _ in range(250))
    make_trainer(student).train(student, data, rng)
    assert accuracy(student, task, "fewer") > 0.3
    student.restore(untaught)
