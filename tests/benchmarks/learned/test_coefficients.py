"""Teaching by a rule of cells: what the rule orders, and what is seen of the student."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import teachgym  # noqa: F401
from teachgym.benchmarks.learned.coefficients import MEASURED, SCALE, Coefficients

SETTINGS: dict[str, Any] = {
    "num_envs": 2,
    "student": "simulated",
    "texts": False,
    "task_settings": {"train_per_cell": 1, "val_per_cell": 2, "test_per_cell": 1},
    "examples_per_step": 960,
    "budget": {"steps": 2},
    "autoreset_mode": "SameStep",
}
SKILLS, LEVELS = 32, 3


class Seen(gym.vector.VectorWrapper):
    """Keeps the last actions."""

    def step(self, actions: Any) -> Any:
        self.actions = actions
        return self.env.step(actions)


@pytest.fixture
def env() -> Coefficients:
    return Coefficients(Seen(gym.make_vec("teachgym/SkillList-v0", **SETTINGS)))


def test_no_weights_order_alike_and_a_skills_weight_orders_it_e_times_as_often(
    env: Coefficients,
) -> None:
    env.reset(seed=0)
    actions = np.zeros((2, len(MEASURED) + SKILLS), np.float32)
    actions[1, len(MEASURED) + 4] = 1 / SCALE
    env.step(actions)
    first, second = env.env.actions  # type: ignore[attr-defined]
    assert first == pytest.approx(np.full((SKILLS, LEVELS), 1 / 96))
    expected = np.ones((SKILLS, LEVELS))
    expected[4] = np.e
    assert second == pytest.approx(expected / expected.sum(), rel=1e-5)


def test_a_weight_of_the_level_tilts_every_skill_towards_the_hardest(env: Coefficients) -> None:
    env.reset(seed=0)
    actions = np.zeros((2, len(MEASURED) + SKILLS), np.float32)
    actions[0, MEASURED.index("level")] = 1
    env.step(actions)
    shares = env.env.actions[0]  # type: ignore[attr-defined]
    assert shares[:, 2] / shares[:, 1] == pytest.approx(np.full(SKILLS, np.exp(4)), rel=1e-4)


def test_change_is_that_of_the_last_step_and_begins_anew_with_the_episode(
    env: Coefficients,
) -> None:
    plain = gym.make_vec("teachgym/SkillList-v0", **SETTINGS)
    first, _ = plain.reset(seed=0)
    seen, _ = env.reset(seed=0)
    place = MEASURED.index("change")
    assert seen[:, place].tolist() == [0, 0]
    assert seen in env.observation_space
    uniform = np.full((2, SKILLS, LEVELS), 1 / 96, np.float32)
    second, *_ = plain.step(uniform)
    seen, *_ = env.step(np.zeros((2, len(MEASURED) + SKILLS), np.float32))
    change = (second["accuracy"] - first["accuracy"]).mean(axis=(1, 2))
    assert change.max() > 0
    assert seen[:, place] == pytest.approx(change, abs=1e-6)
    seen, _, ended, *_ = env.step(np.zeros((2, len(MEASURED) + SKILLS), np.float32))
    assert ended.all()
    assert seen[:, place].tolist() == [0, 0]


def test_without_names_skills_that_look_alike_get_the_same() -> None:
    """A weight of 1 on the accuracy alone: shares are in proportion to its exp."""
    env = Coefficients(Seen(gym.make_vec("teachgym/SkillList-v0", **SETTINGS)), names=False)
    seen, _ = env.reset(seed=0)
    assert env.single_action_space.shape == (len(MEASURED),)
    assert seen in env.observation_space
    weights = np.eye(len(MEASURED), dtype=np.float32)[[0, 0]] / SCALE  # accuracy
    accuracy = env.env.reset(seed=0)[0]["accuracy"]
    env.step(weights)
    expected = np.exp(accuracy[0])
    assert env.env.actions[0] == pytest.approx(expected / expected.sum(), rel=1e-5)  # type: ignore[attr-defined]
