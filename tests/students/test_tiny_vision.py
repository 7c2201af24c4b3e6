"""The embedded student of pictures: it looks, it knows what it was taught, it learns the rest."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Student, Task
from teachgym.students import learnable_skills, make_student
from teachgym.students.bases import base_card
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.settings import SEEING_RECIPE
from teachgym.types import Example, Prediction

# Of transformers, which makes an array of a tensor.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LEARNED = "count-colour"
"""A skill that its card calls learnable."""


@pytest.fixture(scope="module")
def task() -> Task:
    """Of few items."""
    return make_task("shapes", val_per_cell=8, test_per_cell=4, train_per_cell=4)


@pytest.fixture(scope="module")
def cache() -> Path:
    """Where the pictures of all tests stay."""
    return Path(os.environ["TEACHGYM_CACHE"])


@pytest.fixture(autouse=True)
def find_pictures(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHGYM_CACHE", str(cache))


@pytest.fixture(scope="module")
def student(task: Task) -> Student:
    return make_student("tiny-vision", task)


def items(task: Task, skill: str) -> list[Example]:
    return [e for e in task.examples("val") if e.skill == skill]


def answers(student: Student, task: Task, asked: list[Example]) -> tuple[Prediction, ...]:
    return tuple(GenerateAndGrade().predict(student, task, asked))


def test_it_looks(student: Student, task: Task) -> None:
    """A blind one has no question right about both of its pictures."""
    said = answers(student, task, [*items(task, "exist-shape"), *items(task, "colour")])
    assert task.metrics(said)["question_accuracy"].mean > 0.6


@pytest.mark.slow
def test_it_learns_a_skill_that_its_card_calls_learnable(student: Student, task: Task) -> None:
    assert LEARNED in learnable_skills("tiny-vision")
    asked, rng = items(task, LEARNED), np.random.default_rng(0)
    data = tuple(task.make(LEARNED, task.levels[i % 3], rng) for i in range(600))
    before, trainer = student.save(), make_trainer(student)
    assert isinstance(trainer, HuggingFaceTrainer)
    assert trainer.settings == SEEING_RECIPE
    known = np.mean([p.score for p in answers(student, task, asked)])
    trainer.train(student, data, rng)
    assert np.mean([p.score for p in answers(student, task, asked)]) > known + 0.2
    student.restore(before)


def test_it_answers_as_it_was_when_it_was_measured(student: Student, task: Task) -> None:
    """Of two skills it masters one, and of the other it has the share that its card says."""
    known = base_card("tiny-vision", 0)["val_accuracy_by_skill"]
    for skill in ("exist-shape", LEARNED):
        found = np.mean([p.score for p in answers(student, task, items(task, skill))])
        assert found == pytest.approx(known[skill], abs=0.25)


def test_an_exported_one_is_a_student_again(student: Student, task: Task, tmp_path: Path) -> None:
    student.export(tmp_path)
    again, asked = make_student(str(tmp_path), task), items(task, "size")
    assert [p.response for p in answers(again, task, asked)] == [
        p.response for p in answers(student, task, asked)
    ]
