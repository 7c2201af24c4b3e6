"""What teachers who cannot see are told of pictures: words beside each exercise about one."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.open_ended import LLMOpenEnded
from teachgym.agents.llm.skill_list import LLMSkillList
from teachgym.agents.llm.skill_tree import LLMSkillTree
from teachgym.forest.forest import Forest, Subskill
from teachgym.forest.space import TreeReport
from teachgym.images import ImageStore
from teachgym.ledger import Ledger
from teachgym.syllabus import Syllabus
from teachgym.tasks.scenes import parse_scene, read_scene
from teachgym.tasks.shapes import Shapes
from teachgym.types import Budget, Prediction, Report, Split, root_skills
from tests.agents.llm.classroom import Replies

_EXERCISE = re.compile(
    r"The student sees a picture:\n```\n(.*)\n```\nExercise[^\n]*:\n```\n(.*)\n```"
)

SMALL = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}


@pytest.fixture
def task() -> Shapes:
    return Shapes(**SMALL)


def all_wrong(task: Shapes) -> Report:
    return Report(tuple(Prediction(e, "pink", 0.0) for e in task.examples("val")), "val")


def told(task: Shapes, make: Any, observation: Any, **settings: Any) -> set[tuple[Any, str]]:
    """The scenes that are described in the prompts, each with the question about it."""
    room = Classroom(Syllabus.of(task), Ledger(Budget(steps=1)), 60, task.levels)
    replies = Replies(lambda prompt: [])
    make(room, chat=replies.chat, **settings).act(observation)
    found = [found for prompt in replies.prompts for found in _EXERCISE.findall(prompt)]
    assert len(found) == sum(prompt.count("Right answer:") for prompt in replies.prompts) > 6
    return {(parse_scene(scene), question) for scene, question in found}


@cache
def shown(split: Split) -> set[tuple[Any, str]]:
    """What the pictures of a split show, by their pixels, each with its question."""
    data = Shapes(**SMALL).examples(split)
    return {(read_scene(ImageStore().get(e.images[0])), e.prompt) for e in data}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("make", [LLMOpenEnded, LLMSkillList])
def test_mistakes_and_examples_come_with_what_their_pictures_show(task: Shapes, make: Any) -> None:
    mistakes, examples = shown("val"), shown("train")
    seen = told(task, make, all_wrong(task), state=True)
    assert seen <= mistakes | examples
    assert seen & mistakes
    assert told(task, make, all_wrong(task), state=False) <= examples


@pytest.mark.slow
def test_in_a_tree_too(task: Shapes) -> None:
    forest = Forest({root: (Subskill(f"{root} one", 3),) for root in root_skills(task.skills)}, 8)
    seen = told(task, LLMSkillTree, TreeReport(all_wrong(task), forest), state=True)
    assert seen <= shown("val")
