"""The suite of stress: every teacher under every condition, against its like."""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium as gym
import pytest

import teachgym  # noqa: F401
from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.bench.suites.stress import CONDITIONS, TEACHERS, stress
from teachgym.benchmarks.pages.stress import teacher_of


def test_every_teacher_meets_every_condition_once() -> None:
    pairs = [(teacher_of(arm), arm.condition) for arm in stress().arms]
    assert sorted(pairs) == sorted((t, c) for t in TEACHERS for c in CONDITIONS)


def test_an_arm_is_compared_with_the_reference_under_the_same_condition() -> None:
    suite = stress()
    arms = {arm.name: arm for arm in suite.arms}
    for arm in suite.arms:
        other = arms[suite.compared(arm)]
        assert (other.teacher, other.condition) == (TEACHERS[0], arm.condition)
        assert other.env_settings == arm.env_settings
        assert other.control


def test_conditions_differ_and_the_first_is_none() -> None:
    assert next(iter(CONDITIONS.values())) == {}
    settings = [json.dumps(condition) for condition in CONDITIONS.values()]
    assert len(set(settings)) == len(settings)


def test_the_short_form_is_one_profile() -> None:
    """One teacher and the reference under each of the conditions."""
    short = stress().shortened()
    assert {arm.teacher for arm in short.arms} == {"uniform", "alp"}
    assert len(short.arms) == 2 * len(CONDITIONS)


def test_the_suite_survives_its_folder() -> None:
    suite = stress()
    assert Suite.of(json.loads(json.dumps(suite.to_json()))) == suite


def test_every_seed_is_another_draw_and_all_teachers_meet_the_same() -> None:
    cells = stress().narrowed(seeds=3).cells()
    assert [c.config.env_settings["stress"]["seed"] for c in cells] == [c.seed for c in cells]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_makes_an_environment_that_can_be_stepped(condition: str) -> None:
    """The settings as a run gets them; the small task makes it a moment."""
    small = {"task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}}
    suite = stress().changed({**small, "examples_per_step": 40})
    cells = replace(suite, seeds=1).cells()
    config = next(
        c.config for c in cells if c.arm.name == (f"alp-{condition}" if condition else "alp")
    )
    env = gym.make(config.env, **config.env_settings)
    env.reset(seed=0)
    env.action_space.seed(0)
    _, reward, _, _, info = env.step(env.action_space.sample())
    assert -1.0 <= float(reward) <= 1.0
    assert info["metrics"]["accepted"] > 0
    env.close()
