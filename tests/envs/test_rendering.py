"""What an environment shows of itself: of one size throughout, and with the numbers it has."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.envs import rendering
from teachgym.types import Example, Explore, Order, Plan, Prediction, Report

SMALL = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 2},
}


def make(name: str, mode: str, **settings: Any) -> gym.Env[Any, Any]:
    env = gym.make(f"teachgym/{name}-v0", render_mode=mode, **SMALL, **settings)
    env.reset(seed=0)
    return env


def frames(mode: str) -> list[Any]:
    env = make("SkillList", mode, action="plan")
    shown = [env.render()]
    for skill in ("rev", "add"):
        env.step(Plan((Order(skill, 20),)))
        shown.append(env.render())
    return shown


def test_the_frames_of_an_episode_make_a_film() -> None:
    images = frames("rgb_array")
    assert len({image.shape for image in images}) == 1
    assert all((one != other).any() for one, other in pairwise(images))
    assert all(image.dtype == np.uint8 for image in images)


def test_what_is_left_of_the_budget_is_said() -> None:
    heads = [text.splitlines()[0] for text in frames("ansi")]
    assert [head.partition(":")[0] for head in heads] == ["step 0", "step 1", "step 2"]
    assert [head.rpartition(", ")[2] for head in heads] == [
        f"{share}% of the budget left" for share in (100, 50, 0)
    ]


def test_the_skill_tree_is_shown_with_its_environment() -> None:
    env = make("SkillTree", "ansi", action="moves", observation="report")
    assert "arithmetic: nothing found" in env.render()
    env.step((Explore("arithmetic", 1, 10),))
    assert "a step, 10 taught" in env.render()


def test_nothing_is_shown_before_there_is_something_to_see() -> None:
    env = gym.make("teachgym/SkillList-v0", render_mode="ansi", **SMALL)
    with pytest.raises(gym.error.ResetNeeded):
        env.render()


def test_a_wrong_answer_of_each_skill_is_shown_the_worst_skill_first() -> None:
    """Of add one in two is right, of sub none, of mul all."""
    answers = [("add", "2", 1.0), ("add", "3", 0.0), ("sub", "7\n8", 0.0), ("mul", "1", 1.0)]
    predictions = [
        Prediction(Example(f"{skill} 1 1=", "?", skill), response, score)
        for skill, response, score in answers
    ]
    report = Report(tuple(predictions), "val")
    assert rendering._errors(report) == ["sub 1 1= → 7 8", "add 1 1= → 3"]


def test_examples_are_shown_by_skill_with_their_number() -> None:
    examples = [Example(f"{skill} {n}=", "x", skill) for n, skill in enumerate("abb")]
    assert Counter(e.skill for e in examples) == {"a": 1, "b": 2}
    assert rendering._shown(examples) == ["   2 x  b 1= → x", "   1 x  a 0= → x"]
