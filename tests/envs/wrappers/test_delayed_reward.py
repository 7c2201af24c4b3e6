"""Delayed rewards: the sum is the same, the moment is another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from tests.envs.in_full import in_full
from tests.envs.stacks import VIEWS

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 8},
    "examples_per_step": 600,
    "budget": {"steps": 5},
}
TEACHERS = {"OpenEnded": "pool", "SkillList": "weakest", "SkillTree": "random-tree"}


def make(id_: str, steps: int | None = None, **settings: Any) -> gym.Env[Any, Any]:
    stress = None if steps is None else {"delayed_reward": steps}
    return gym.make(id_, **{**SMALL, **settings}, stress=stress)


def actions(env: Any, count: int = 5) -> list[Any]:
    """Random ones; where the teacher hands in data, parts of the training pool."""
    if env.spec.id == "teachgym/OpenEnded-v0":
        pool = env.unwrapped.task.examples("train")
        return [
            tuple(replace(e, id="", source="teacher") for e in pool[i::count]) for i in range(count)
        ]
    env.action_space.seed(2)
    return [env.action_space.sample() for _ in range(count)]


def rewards(env: gym.Env[Any, Any], n_steps: int = 5) -> list[float]:
    env.reset(seed=4)
    return [float(env.step(action)[1]) for action in actions(env, n_steps)]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("id_", list(VIEWS))
@pytest.mark.parametrize("steps", [2, 3, 10**6])
def test_rewards_are_summed_until_they_are_paid(id_: str, steps: int) -> None:
    """E.g. for k = 2 and five steps: 0, r1 + r2, 0, r3 + r4, and r5 at the end."""
    at_once = rewards(make(id_))
    expected, owed = [], 0.0
    for number, reward in enumerate(at_once, 1):
        owed += reward
        due = number % steps == 0 or number == 5
        expected.append(owed if due else 0.0)
        owed = 0.0 if due else owed
    late = rewards(make(id_, steps))
    assert late == pytest.approx(expected, abs=1e-12)
    assert sum(late) == pytest.approx(sum(at_once), abs=1e-12)
    assert any(at_once)


def test_the_sum_is_last_minus_first_accuracy() -> None:
    env = make("teachgym/SkillList-v0", 3)
    total = sum(rewards(env))
    curve = env.unwrapped.state.curve  # type: ignore[attr-defined]
    assert total == pytest.approx(curve[-1].mean - curve[0].mean, abs=1e-12)


def test_mastery_pays_what_is_owed() -> None:
    """An end that the number of steps did not announce: the target is reached at once."""
    env = make("teachgym/SkillList-v0", 10**6, target_accuracy=0.01)
    (paid,) = rewards(env, 1)
    curve = env.unwrapped.state.curve  # type: ignore[attr-defined]
    assert paid == curve[1].mean - curve[0].mean != 0


def test_a_step_without_data_pays_what_is_due() -> None:
    """Data in step 1, none in step 2: both are paid after step 2."""
    at_once, late = make("teachgym/SkillList-v0"), make("teachgym/SkillList-v0", 2)
    shape: Any = at_once.action_space.shape
    chosen = [np.full(shape, 1 / np.prod(shape), np.float32), np.zeros(shape, np.float32)]
    seen = []
    for env in (at_once, late):
        env.reset(seed=4)
        seen.append([float(env.step(action)[1]) for action in chosen])
    assert seen[0][1] == seen[1][0] == 0
    assert seen[1][1] == pytest.approx(seen[0][0])
    assert seen[0][0] != 0


def test_a_rewound_environment_owes_what_it_owed_then() -> None:
    """A snapshot after step 1 of 3, continued in a new environment: the same payments."""
    one, other = make("teachgym/SkillTree-v0", 3), make("teachgym/SkillTree-v0", 3)
    first, *others = actions(one)
    one.reset(seed=4), other.reset(seed=9)
    one.step(first)
    other.get_wrapper_attr("restore")(one.get_wrapper_attr("snapshot")())
    assert [one.step(a)[1] for a in others] == [other.step(a)[1] for a in others]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("short", list(TEACHERS))
def test_episodes_differ_in_nothing_but_rewards(short: str) -> None:
    """For teachers that do not look at rewards."""
    episodes = []
    for steps in (None, 2):
        env = make(f"teachgym/{short}-v0", steps)
        settings: dict[str, Any] = {}
        if short == "OpenEnded":
            settings["pool"] = env.unwrapped.task.examples("train")  # type: ignore[attr-defined]
        episodes.append(run_episode(env, make_teacher(TEACHERS[short], env, **settings), seed=1))
    first, second = ([t.info["metrics"] for t in e.transitions] for e in episodes)
    assert in_full(first) == in_full(second)
    assert episodes[0].return_ == pytest.approx(episodes[1].return_, abs=1e-12)
