"""What a teacher sees: arrays, text, the forest, and pictures."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.envs.rendering import Scene, render_ansi
from teachgym.envs.wrappers.text import printable
from teachgym.snapshot import Best, Snapshot
from teachgym.types import CURRENCIES, Checkpoint, Example, Prediction, Report

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 4, "test_per_cell": 2, "train_per_cell": 2},
    "examples_per_step": 60,
    "budget": {"steps": 3, "examples": 150},
}


def make(id_: str, **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(f"teachgym/{id_}-v0", **{**SMALL, **settings})


def test_arrays_agree_with_the_report() -> None:
    env: Any = make("SkillList")
    observation, _ = env.reset(seed=0)
    report = env.unwrapped.state.report
    skills = env.get_wrapper_attr("skills")
    by_skill = report.by_skill()
    for row, skill in enumerate(skills):
        n = observation["n"][row]
        assert n.sum() == by_skill[skill].n
        mean = (n * observation["accuracy"][row]).sum() / n.sum()
        assert mean == pytest.approx(by_skill[skill].mean, abs=1e-6)


def test_the_budget_left_is_in_the_observation() -> None:
    env: Any = make("SkillList")
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[0, 0] = 0.5
    observation, *_ = env.step(action)
    left = dict(zip(CURRENCIES, observation["budget_left"], strict=True))
    assert left["steps"] == pytest.approx(2 / 3)
    assert left["examples"] == pytest.approx(120 / 150)
    assert left["dollars"] == 1


def test_the_text_shows_scores_errors_and_budget() -> None:
    env: Any = make("SkillList", observation="text")
    text, _ = env.reset(seed=0)
    report = env.unwrapped.state.report
    assert "budget left: steps 3, examples 150" in text
    for skill in env.unwrapped.skills:
        assert skill in text
    shown = [e for e in report.errors if repr(e.example.prompt) in text]
    assert {e.example.skill for e in shown} == {e.example.skill for e in report.errors}
    assert all(repr(e.response) in text for e in shown)
    assert env.observation_space.contains(text)


def test_a_text_that_is_too_long_is_cut_and_marked() -> None:
    from teachgym.envs import TextObservation

    env = TextObservation(make("OpenEnded").unwrapped, tokens=75)
    text, _ = env.reset(seed=0)
    assert len(text) == 300
    assert text.endswith("[cut]")


def test_text_is_printable_whatever_the_student_writes() -> None:
    assert printable("naïve\x00") == "na\\xefve\\x00"


def explore_everything(env: Any) -> dict[str, Any]:
    action = env.action_space.sample()
    action["explore"][:] = 1
    action["subskills"][:] = 2
    action["examples"][:] = 0.05
    return dict(action)


def test_exploring_fills_slots_of_the_forest() -> None:
    env: Any = make("SkillTree", max_subskills=3)
    observation, _ = env.reset(seed=0)
    assert observation["known"].sum() == 0
    assert observation["n"].sum() == len(env.unwrapped.state.report.predictions)
    observation, _, _, _, info = env.step(explore_everything(env))
    forest = info["forest"]
    for row, tree in enumerate(forest.trees.values()):
        assert observation["known"][row].sum() == len(tree) > 0
        assert observation["taught"][row].sum() == sum(s.taught for s in tree)
        measured = observation["known"][row] == 1
        assert (observation["sub_n"][row][measured] > 0).all()
        assert (observation["sub_n"][row][~measured] == 0).all()
    taught = {e.skill for e in info["data"]}
    assert taught <= {s.name for tree in forest.trees.values() for s in tree}


def test_a_new_episode_starts_with_a_bare_forest() -> None:
    env: Any = make("SkillTree")
    env.reset(seed=0)
    env.step(explore_everything(env))
    observation, _ = env.reset(seed=0)
    assert observation["known"].sum() == observation["allocation"].sum() == 0


def test_the_forest_is_part_of_the_text() -> None:
    env: Any = make("SkillTree", observation="text")
    text, _ = env.reset(seed=0)
    assert "nothing discovered" in text
    text, *_, info = env.step(explore_everything(env))
    name = next(s.name for tree in info["forest"].trees.values() for s in tree)
    assert f"    {name}: " in text


def test_ansi_bars_have_the_length_of_the_accuracy_and_say_what_was_not_measured() -> None:
    predictions = (
        Prediction(Example("p", "t", "half"), "r", 1.0),
        Prediction(Example("p", "t", "half"), "r", 0.0),
        Prediction(Example("p", "t", "silent"), "r", float("nan")),
    )
    report = Report(predictions, "val")
    best = Best(0, 0.5, Checkpoint({}))
    state = Snapshot(0, report, (report.overall,), best)
    text = render_ansi(Scene(state, {}, steps=5, examples_per_step=1, left=1.0))
    assert "half   " + "█" * 10 + "·" * 10 + " 0.50 ± 0.35 (n=2)" in text
    assert "silent" in text
    assert "not measured" in text
    assert "learning curve ▅" in text
