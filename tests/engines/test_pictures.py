"""A chat model that cannot see writes scenes in words, which are drawn, answered and checked."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from teachgym.chat.scripted import Scripted
from teachgym.engines import ENGINES
from teachgym.gate import Gate
from teachgym.images import ImageStore
from teachgym.tasks.procedural import numbers_of
from teachgym.tasks.scene_questions import FORMS, draw_question
from teachgym.tasks.scenes import describe, draw_scene, parse_scene, read_scene
from teachgym.tasks.shapes import Shapes
from teachgym.testing import check_engine
from teachgym.types import Data, Messages, Order, Plan
from tests.engines.writing import items, wanted

ASKED: list[str] = []


def write(messages: Messages, schema: Any, draw: int) -> str:
    """Scenes with a question each, of which every third has a wrong answer."""
    text = messages[1]["content"]
    ASKED.append(text)
    numbers = numbers_of(np.random.default_rng(draw))
    (name,) = re.findall(r"for this skill: ([\w-]+)", text)
    form = next(form for form in FORMS.values() if name in (form.skill, form.root))
    made: list[dict[str, str]] = []
    while len(made) < wanted(text):
        scene = draw_scene(numbers)
        if (question := draw_question(form, 0, scene, numbers)) is not None:
            answer = "purple" if len(made) % 3 == 2 else str(question.answer(scene))
            made.append({"problem": f"{describe(scene)}\n{question}", "answer": answer})
    return items(*made)


@pytest.fixture
def task() -> Shapes:
    return Shapes(val_per_cell=1, test_per_cell=1, train_per_cell=1)


def generate(task: Shapes) -> Data:
    engine = ENGINES.make("llm", task, settings={"refills": 0}, chat=Scripted(write))
    return engine.generate(Plan((Order("colour", 6), Order("and", 3))), np.random.default_rng(0))


def test_what_it_writes_is_drawn_and_what_the_picture_does_not_show_is_left_out(
    task: Shapes,
) -> None:
    data = generate(task)
    assert [e.skill for e in data] == ["colour"] * 4 + ["and"] * 2
    assert all(task.verify(e) == 1 for e in data)
    assert all(read_scene(ImageStore().get(e.images[0])) for e in data)
    assert Gate(task).inspect(data).rejected == ()


def test_it_is_told_in_words_what_the_examples_show(task: Shapes) -> None:
    ASKED.clear()
    generate(task)
    told = re.findall(r"The student sees a picture:\n```\n(.*)\n```", ASKED[0])
    assert told
    shown = [e for e in task.examples("train") if e.skill == "colour"]
    assert {parse_scene(text) for text in told} <= {
        read_scene(ImageStore().get(e.images[0])) for e in shown
    }


def test_the_engine_keeps_the_contract(task: Shapes) -> None:
    check_engine(ENGINES.make("llm", task, chat=Scripted(write)), task)
