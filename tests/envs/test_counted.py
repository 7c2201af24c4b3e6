"""Skill-List without texts: as with them where the gate accepts all; K rows as K environments."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import teachgym  # noqa: F401 (registers the environments)
from teachgym.errors import ActionError, ConfigError, EpisodeError
from teachgym.experiment import RunConfig, check_config
from teachgym.testing import TableStudent

ID = "teachgym/SkillList-v0"
SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 4, "test_per_cell": 1, "train_per_cell": 1},
    "budget": {"steps": 4, "examples": 330},
    "examples_per_step": 100,
}


def make(**settings: Any) -> gym.Env[Any, Any]:
    return gym.make(ID, **{**SMALL, "texts": False, **settings})


def assert_equal(a: Any, b: Any) -> None:
    """Dictionaries of dictionaries or of arrays."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            assert_equal(a[name], b[name])
    elif isinstance(a, np.ndarray) and a.dtype == object:
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    else:
        np.testing.assert_array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    "form",
    [
        {"observation": "arrays"},
        {"observation": "flat"},
        {"action": "discrete"},
        {"limit": 60},  # of 96 cells
        {"limit": 20, "observation": "flat"},  # of 32 skills
    ],
    ids=["arrays", "flat", "discrete", "cells without items", "skills without items"],
)
def test_it_is_the_environment_with_texts_where_the_gate_accepts_all(form: dict[str, Any]) -> None:
    """To the digit: what is seen, earned and spent, and when and why it ends."""
    counted, written = _both(**form)
    assert counted.action_space == written.action_space
    assert counted.observation_space == written.observation_space
    counted.action_space.seed(3)
    for seed in (5, None):
        a, b = (env.reset(seed=seed)[0] for env in (counted, written))
        over = False
        while not over:
            assert_equal(a, b)
            action = counted.action_space.sample()
            a, gained, over, _, told = counted.step(action)
            b, earned, ended, _, info = written.step(action)
            assert not info["rejected"]
            assert (gained, over, told["stop_reason"]) == (earned, ended, info["stop_reason"])
            assert told["metrics"]["accepted"] == info["metrics"]["accepted"]
        assert_equal(a, b)


def test_learnability_of_a_cell_without_items_is_that_of_its_skill() -> None:
    """Of ``copy`` one item is right, one wrong, and the hardest has none: 4/2/2 = 1.

    ``double`` has none at all, so its half of the examples counts for nothing.
    """
    shares = np.zeros((32, 3), np.float32)
    shares[0, 2] = shares[1, 0] = 0.5
    for env in _both(limit=2, proxy="learnability"):
        seen, _ = env.reset(seed=5)
        assert seen["n"][:2].tolist() == [[1, 1, 0], [0, 0, 0]]
        assert seen["accuracy"][0].tolist() == [0, 1, 0]
        assert env.step(shares)[1] == 1


def test_progress_is_that_of_skills_with_items() -> None:
    """Half of the examples are of ``first``, which improves; ``last`` has no items."""
    shares = np.zeros((32, 3), np.float32)
    shares[3], shares[4, 0] = 1 / 6, 0.5
    paid = []
    for env in _both(limit=12, proxy="learning_progress"):
        before, _ = env.reset(seed=5)
        after, reward, *_ = env.step(shares)
        paid.append(float(reward))
        change = (after["accuracy"] - before["accuracy"]).mean(axis=1)
        assert change[3] > 0
        assert reward == pytest.approx(change[3])
    assert paid[0] == pytest.approx(paid[1], abs=1e-12)


def _both(**settings: Any) -> list[gym.Env[Any, Any]]:
    """The environments without and with texts."""
    written = gym.make(ID, **SMALL, **settings, gate_settings={"duplicates": "allow"})
    return [make(**settings), written]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("form", [{"observation": "flat"}, {"action": "discrete"}], ids=str)
def test_rows_are_single_environments_to_the_digit(
    mode: AutoresetMode, form: dict[str, Any]
) -> None:
    """Over two episodes, whose ends the rows reach at different steps."""
    settings = {**form, "patience": 1}
    rows = gym.make_vec(ID, num_envs=3, **SMALL, **settings, texts=False, autoreset_mode=mode)
    alone = SyncVectorEnv([lambda: make(**settings).unwrapped] * 3, autoreset_mode=mode)
    assert rows.action_space == alone.action_space
    assert rows.observation_space == alone.observation_space
    for a, b in zip(rows.reset(seed=1), alone.reset(seed=1), strict=True):
        assert_equal(a, b)
    rows.action_space.seed(0)
    for _ in range(9):
        action = rows.action_space.sample()
        for a, b in zip(rows.step(action), alone.step(action), strict=True):
            assert_equal(a, b)


@pytest.mark.parametrize("texts", [True, False])
def test_rows_take_seeds_of_any_integer_type_and_refuse_others(texts: bool) -> None:
    rows = gym.make_vec(ID, 2, "vector_entry_point", **SMALL, limit=64, texts=texts)
    wanted = rows.reset(seed=[3, 4])[0]
    for seed in (3, np.int64(3), np.array([3, 4]), (3, np.uint8(4))):
        assert_equal(rows.reset(seed=seed)[0], wanted)
    for wrong in ([3], "34", 3.0, [3, 0.5], np.array(3)):
        with pytest.raises(ConfigError, match="give an integer, or 2 of them"):
            rows.reset(seed=wrong)


def test_rows_that_are_reset_are_named_by_truth_values() -> None:
    """The numbers 1 and 0 began the first row anew, and called both running."""
    rows = gym.make_vec(ID, 2, "vector_entry_point", **SMALL, texts=False)
    for wrong in (np.array([1, 0]), np.array([True]), [0]):
        with pytest.raises(ConfigError, match=r"reset_mask is .* 2 truth values, one per row"):
            rows.reset(seed=0, options={"reset_mask": wrong})
    rows.reset(seed=0)
    rows.step(np.ones((2, 32, 3), np.float32))
    seen = rows.reset(options={"reset_mask": [True, False]})[0]
    assert seen["budget_left"][:, 0].tolist() == [1, 0.75]


def test_a_last_observation_is_told_when_a_row_is_reset_in_the_same_step() -> None:
    mode = AutoresetMode.SAME_STEP
    rows = gym.make_vec(ID, num_envs=2, **SMALL, texts=False, autoreset_mode=mode)
    rows.reset(seed=0)
    for _ in range(4):
        seen, _, ended, _, infos = rows.step(np.ones((2, 32, 3), np.float32))
    assert ended.all()
    assert infos["final_info"]["stop_reason"].tolist() == ["steps"] * 2
    assert [last["budget_left"][0] for last in infos["final_obs"]] == [0, 0]
    assert (seen["budget_left"] == 1).all()


@pytest.mark.parametrize("form", [{}, {"observation": "flat"}, {"action": "discrete"}], ids=str)
def test_gymnasiums_checker_is_content(form: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(**form).unwrapped, skip_render_check=True)


def test_luck_is_the_same_whatever_is_taught() -> None:
    """Teaching ``copy`` or ``first``, of which ``less`` has nothing, moves ``less`` alike."""
    seen = []
    for skill in (0, 3):
        env = make(action="discrete", student_settings={"noise": 2.0})
        env.reset(seed=2)
        skills = list(env.get_wrapper_attr("skills"))
        assert skills[skill] == ("copy", "", "", "first")[skill]
        seen.append(env.step(3 * skill)[0]["accuracy"][skills.index("less")])
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] < 1).any()


def test_a_step_without_examples_changes_nothing_and_counts() -> None:
    env = make()
    first, _ = env.reset(seed=0)
    seen, reward, *_, info = env.step(np.zeros((32, 3), np.float32))
    assert reward == 0
    assert info["metrics"]["accepted"] == 0
    np.testing.assert_array_equal(first["accuracy"], seen["accuracy"])
    assert seen["budget_left"][0] == pytest.approx(3 / 4)


def test_an_episode_ends_by_mastery_and_wants_a_reset_before_and_after() -> None:
    env = make(target_accuracy=0.1).unwrapped
    action = np.ones((32, 3), np.float32)
    with pytest.raises(EpisodeError, match="reset"):
        env.step(action)
    env.reset(seed=0)
    with pytest.raises(ActionError):
        env.step(2 * action)
    *_, info = env.step(action)
    assert info["stop_reason"] == "mastery"
    with pytest.raises(EpisodeError, match="mastery"):
        env.step(action)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": "scratch"}, "training is 'scratch', which needs texts"),
        ({"observation": "text"}, "observation is 'text', which needs texts"),
        ({"action": "plan"}, "action is 'plan', which needs texts"),
        ({"budget": {"steps": 3, "train_tokens": 9}}, "budget limits train_tokens"),
    ],
)
def test_what_needs_texts_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**settings)


def test_a_student_that_reads_and_a_run_whose_folder_keeps_examples_need_texts() -> None:
    with pytest.raises(ConfigError, match="which learns from texts"):
        make(task="teachgym.testing:ToyTask", task_settings={}, student=TableStudent())
    with pytest.raises(ConfigError, match="a run keeps the examples"):
        check_config(RunConfig(env_settings={"student": "simulated", "texts": False}))
