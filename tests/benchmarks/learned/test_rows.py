"""Rows of a vector environment under Stable-Baselines3: its conventions, the same numbers."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import teachgym  # noqa: F401
from teachgym.benchmarks.learned.rows import GymnasiumVecEnv
from teachgym.errors import ConfigError

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "observation": "flat",
    "texts": False,
    "task_settings": {"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
    "examples_per_step": 64,
    "budget": {"steps": 2},
}


def rows(mode: str = "SameStep") -> GymnasiumVecEnv:
    return GymnasiumVecEnv(
        gym.make_vec("teachgym/SkillList-v0", num_envs=2, autoreset_mode=mode, **SETTINGS)
    )


def test_a_row_that_ends_shows_the_next_episode_with_the_numbers_of_a_single_one() -> None:
    made, single = rows(), gym.make("teachgym/SkillList-v0", **SETTINGS)
    made.seed(7)
    first = made.reset()
    actions = np.stack([np.full(96, 0.5, np.float32), np.full(96, -1.0, np.float32)])
    expected, _ = single.reset(seed=7)
    assert np.array_equal(first[0], expected)
    for step in range(2):
        seen, rewards, ended, _ = made.step(actions)
        expected, reward, over, _, _ = single.step(actions[0])
        assert rewards[0] == np.float32(reward)
        assert rewards[1] == 0
        assert ended.tolist() == [over, over] == [step == 1] * 2
    assert np.array_equal(seen[0], first[0])  # The untrained student of the next episode.


def test_rows_of_several_environments_are_those_of_each() -> None:
    joined, first, second = GymnasiumVecEnv(*rows().parts, *rows().parts), rows(), rows()
    joined.seed(7)
    first.seed(7)
    second.seed(9)
    seen = np.concatenate([first.reset(), second.reset()])
    assert np.array_equal(joined.reset(), seen)
    actions = np.linspace(-1, 1, 4 * 96, dtype=np.float32).reshape(4, 96)
    made, one, other = joined.step(actions), first.step(actions[:2]), second.step(actions[2:])
    for whole, *halves in zip(made[:3], one[:3], other[:3], strict=True):
        assert np.array_equal(whole, np.concatenate(halves))


def test_other_autoreset_modes_are_refused() -> None:
    with pytest.raises(ConfigError, match="make the rows with 'SameStep'"):
        rows("NextStep")
