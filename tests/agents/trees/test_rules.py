"""Explore/exploit rules: moves and amounts derived by hand in a small forest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.agents.trees.rules import Threshold, pour
from teachgym.agents.trees.teacher import Moment
from teachgym.errors import ConfigError
from teachgym.loop import run_episode
from teachgym.types import Episode
from tests.agents.worlds import TreeWorld, transition


def teach(world: TreeWorld, name: str, seed: int = 0, **settings: Any) -> Episode:
    return run_episode(world, make_teacher(name, world, **settings), seed=seed)


def moves(episode: Episode) -> list[list[int]]:
    """New subskills asked for per step and root; 0 = exploit."""
    return [(t.action["explore"] * t.action["subskills"]).tolist() for t in episode.transitions]


def examples(episode: Episode, key: str) -> list[Any]:
    """Shares in the actions as examples of 120 per step."""
    return [np.round(t.action[key] * 120, 3).tolist() for t in episode.transitions]


def test_uniform_tree_asks_for_everything_and_then_divides_equally() -> None:
    """Two roots get 60 each, however few are found; with 2 found it is 30 each, then."""
    episode = teach(TreeWorld([2, 4], steps=3), "uniform-tree")
    assert moves(episode) == [[4, 4], [0, 0], [0, 0]]
    assert examples(episode, "examples")[0] == [60, 60]
    assert examples(episode, "allocation")[2] == [[30, 30, 0, 0], [15, 15, 15, 15]]


def test_alternating_explores_in_every_second_step_while_there_is_room() -> None:
    """Root 0 has one subskill: its second exploration finds nothing and is its last."""
    episode = teach(TreeWorld([1, 4], steps=6), "alternating", subskills=1)
    assert moves(episode) == [[1, 1], [0, 0], [1, 1], [0, 0], [0, 1], [0, 0]]


def test_alternating_teaches_in_its_exploiting_steps() -> None:
    """Unlike DataEnvGym's policy, which sets every allocation to zero there."""
    episode = teach(TreeWorld([4, 4], steps=2), "alternating", subskills=2)
    assert examples(episode, "allocation")[1] == [[30, 30, 0, 0], [30, 30, 0, 0]]


def test_a_new_subskill_gets_what_an_equal_division_gives_it() -> None:
    """60 per root: with two known and two new ones that is 15, with nothing known 60 for one."""
    episode = teach(TreeWorld([4, 4], steps=3), "alternating", subskills=2)
    assert examples(episode, "examples") == [[60, 60], [0, 0], [15, 15]]


def test_fill_and_balance_evens_out_what_was_taught() -> None:
    """One root, 120 a step. Step 1: two new subskills get 60 each.

    Step 2: two more get 30 each; with the standing 60s that is 180, scaled down to 40, 40, 20, 20.
    Taught so far: 100, 100, 20, 20. Step 3 is full: 120 raise the last two by 60 each, to 80.
    Step 4 raises all to (200 + 160 + 120) / 4 = 120.
    """
    episode = teach(TreeWorld([4], steps=4), "fill-and-balance", subskills=2)
    assert moves(episode) == [[2], [2], [0], [0]]
    assert examples(episode, "allocation")[2:] == [[[0, 0, 60, 60]], [[20, 20, 40, 40]]]
    np.testing.assert_allclose(episode.transitions[-1].next_observation["taught"], [[120] * 4])


def test_fill_and_balance_stops_exploring_when_nothing_is_found() -> None:
    episode = teach(TreeWorld([1], steps=4), "fill-and-balance", subskills=1)
    assert moves(episode) == [[1], [1], [0], [0]]


@given(levels=st.lists(st.floats(0, 1e4), min_size=1, max_size=8), amount=st.floats(0, 1e4))
def test_pouring_spends_the_amount_and_levels_the_lowest(
    levels: list[float], amount: float
) -> None:
    heights = np.array(levels)
    added = pour(heights, amount)
    assert (added >= 0).all()
    assert added.sum() == pytest.approx(amount, abs=1e-6)
    raised = (heights + added)[added > 1e-9]
    assert np.ptp(raised) < 1e-6 if raised.size else amount < 1e-6
    assert (heights[added <= 1e-9] >= (raised.max() if raised.size else 0) - 1e-6).all()


def test_random_tree_explores_by_a_coin_and_divides_the_share() -> None:
    world = TreeWorld([100] * 50, slots=100, steps=8)
    episode = teach(world, "random-tree")
    later = np.array(moves(episode)[1:])
    assert (later > 0).mean() == pytest.approx(0.5, abs=0.08)
    assert set(later[later > 0].tolist()) == {1, 2, 3}
    last = episode.transitions[-1].action
    exploits = last["explore"] == 0
    np.testing.assert_allclose(
        last["allocation"].sum(axis=1), np.where(exploits, 1 / 50, 0), rtol=1e-5
    )


def test_threshold_exploits_the_roots_that_gained() -> None:
    """Everything gains at first, so both exploit; nothing gains more than 0.9, so both explore."""
    assert moves(teach(TreeWorld([4, 4], steps=3), "threshold")) == [[2, 2], [0, 0], [0, 0]]
    high = teach(TreeWorld([4, 4], steps=3), "threshold", threshold=0.9)
    assert moves(high) == [[2, 2], [2, 2], [0, 0]]


@pytest.mark.parametrize(
    ("signal", "reward", "expected"),
    [("root", 0.0, [2, 0, 2]), ("reward", 0.0, [2, 2, 2]), ("reward", 0.05, [0, 0, 0])],
)
def test_threshold_judges_each_root_by_itself_or_all_by_the_reward(
    signal: Any, reward: float, expected: list[int]
) -> None:
    """Root 1 gains 0.1, root 0 nothing; root 2 shows 0.9 more, but was not measured before."""
    before = {"accuracy": np.array([0.5, 0.5, 0.0]), "n": np.array([10, 10, 0])}
    after = {"accuracy": np.array([0.5, 0.6, 0.9]), "n": np.array([10, 10, 10])}
    known = {"known": np.ones((3, 1))}
    last = transition(before, after, reward=reward)
    now = Moment({**after, **known}, last, 1, 40.0, np.random.default_rng(0))
    assert Threshold(signal=signal).explore(now).tolist() == expected


def test_a_root_without_subskills_is_given_nothing() -> None:
    episode = teach(TreeWorld([0, 4], steps=3), "uniform-tree")
    assert episode.transitions[-1].action["allocation"][0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("alternating", {"subskills": 0}),
        ("fill-and-balance", {"subskills": -1}),
        ("random-tree", {"chance": 1.5}),
        ("random-tree", {"most": 0}),
        ("threshold", {"threshold": 2}),
        ("threshold", {"signal": "loss"}),
    ],
)
def test_rules_refuse_settings_out_of_range(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"it must be|Known: "):
        make_teacher(name, TreeWorld([4]), **settings)
