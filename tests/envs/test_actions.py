"""From numbers to orders and moves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.envs import FlatAction, decode_moves
from teachgym.envs.wrappers.orders import plan_from_counts
from teachgym.errors import ConfigError
from teachgym.forest import Forest, TaskProposer, explore
from teachgym.types import Exploit, Explore, Order


def test_over_an_episode_uniform_orders_every_skill_alike() -> None:
    """40 steps of 50 on 96 cells: 62.5 a skill, with a standard deviation below 6."""
    env: Any = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
        examples_per_step=50,
        budget={"steps": 40},
    )
    env.reset(seed=0)
    action = np.full(env.action_space.shape, 1 / 96, np.float32)
    ordered = Counter[str]()
    for _ in range(40):
        for order in env.step(action)[4]["plan"].orders:
            ordered[order.skill] += order.count
    assert len(ordered) == 32
    assert max(abs(count - 62.5) for count in ordered.values()) < 4.5 * 6


def test_a_plan_has_one_order_per_cell_with_a_count() -> None:
    counts = np.array([[0, 2], [3, 0]])
    plan = plan_from_counts(counts, ["a", "b"], [0.0, 1.0])
    assert plan.orders == (Order("a", 2, 1.0), Order("b", 3, 0.0))


def test_orders_keep_to_what_is_left_of_the_budget_in_proportion() -> None:
    """70 examples in steps of 50: the second step has 20 left, half of them for each skill."""
    env: Any = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 2, "test_per_cell": 2},
        examples_per_step=50,
        budget={"steps": 5, "examples": 70},
    )
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[:2, 2] = 0.5
    *_, first = env.step(action)
    *_, second = env.step(action)
    assert [order.count for order in first["plan"].orders] == [25, 25]
    assert [order.count for order in second["plan"].orders] == [10, 10]
    assert second["stop_reason"] == "examples"


def test_moves_are_read_off_the_arrays() -> None:
    leaves = {"r": ("x", "y"), "s": ("z",)}
    forest = Forest.bare(leaves, 3)
    forest = explore(forest, Explore("r", 2, 5), TaskProposer(leaves), np.random.default_rng(0))
    first, second = forest.known("r")
    action = {
        "explore": np.array([0, 1]),
        "subskills": np.array([3, 0]),
        "examples": np.array([0.9, 0.44]),
        "allocation": np.array([[0.16, 0.2, 0.99], [0.0, 0.0, 0.0]]),
    }
    assert decode_moves(action, forest, 10) == (
        Exploit("r", {first: 1.6, second: 2.0}),
        Explore("s", 1, 4.4),
    )


class Numbers(gym.Env[Any, Any]):
    """Any action space, echoed."""

    def __init__(self, action_space: gym.Space[Any]) -> None:
        self.action_space = action_space
        self.observation_space = gym.spaces.Box(0, 1, (1,))


SPACES = [
    gym.spaces.Box(0, 10, (2, 3)),
    gym.spaces.Dict(
        {
            "explore": gym.spaces.MultiBinary(2),
            "subskills": gym.spaces.MultiDiscrete([4, 4]),
            "allocation": gym.spaces.Box(0, 7, (2, 2)),
        }
    ),
]


@pytest.mark.parametrize("space", SPACES, ids=["box", "dict"])
def test_every_vector_becomes_a_legal_action(space: gym.Space[Any]) -> None:
    flat = FlatAction(Numbers(space))
    flat.action_space.seed(0)
    for _ in range(50):
        assert flat.action(flat.action_space.sample()) in space


def test_ends_and_middle_of_the_flat_range_are_where_they_should_be() -> None:
    flat = FlatAction(Numbers(SPACES[1]))
    low, high = flat.action(np.full(8, -1.0)), flat.action(np.full(8, 1.0))
    assert low["explore"].tolist() == [0, 0]
    assert high["explore"].tolist() == [1, 1]
    assert high["subskills"].tolist() == [3, 3]
    assert high["allocation"].tolist() == [[7, 7], [7, 7]]
    middle = flat.action(np.full(8, 0.0))
    assert middle["allocation"].tolist() == [[3.5, 3.5], [3.5, 3.5]]
    assert middle["subskills"].tolist() == [2, 2]


def test_actions_that_are_words_cannot_be_flat() -> None:
    with pytest.raises(ConfigError, match=r"^the action is a Text, which has no flat form"):
        FlatAction(Numbers(gym.spaces.Text(5)))
