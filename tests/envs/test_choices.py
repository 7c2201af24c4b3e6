"""One choice for the whole step, and vectors in [0, 1]: what DQN and others learn on."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ActionError
from tests.envs.forms import CHOICES, SMALL, rewind, state_of

IDS = ("teachgym/SkillList-v0", "teachgym/SkillTree-v0")


def make(id_: str, **how: Any) -> Any:
    return gym.make(id_, **{**SMALL, **how})


@settings(max_examples=20)
@given(action=st.integers(0, 95), left=st.integers(1, 60))
def test_a_choice_gives_the_whole_step_to_one_cell(action: int, left: int) -> None:
    """32 skills at 3 levels: action 3 s + l. The step is 40, or what the budget has left."""
    env = make(IDS[0], action="discrete", budget={"steps": 2, "examples": left})
    env.reset(seed=0)
    *_, info = env.step(action)
    (order,) = info["plan"].orders
    assert order.skill == env.get_wrapper_attr("skills")[action // 3]
    assert order.difficulty == env.get_wrapper_attr("levels")[action % 3]
    assert order.count == min(40, left)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 13), min_size=1, max_size=6))
def test_a_choice_gives_the_whole_step_to_one_root(actions: list[int]) -> None:
    """Seven roots: exploring finds one more of the leaves, while there is one and a slot for it."""
    env = make(IDS[1], action="discrete", budget={"steps": 6})
    env.reset(seed=0)
    known = Counter[int]()
    tree = env.get_wrapper_attr("leaves")
    for action in actions:
        root, exploits = divmod(action, 2)
        *_, info = env.step(action)
        leaves = tree[env.get_wrapper_attr("roots")[root]]
        found = not exploits or known[root] == 0
        known[root] = min(known[root] + found, len(leaves), 8)
        plan = info["plan"]
        assert plan.total == 40
        assert {o.skill for o in plan.orders} <= set(leaves)
        counts = [o.count for o in plan.orders]
        assert len(counts) == known[root]
        assert max(counts) - min(counts) <= 1


@pytest.mark.sweep(2)
@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("observation", ["arrays", "flat", "text", "report"])
@pytest.mark.parametrize("id_", IDS)
def test_discrete_environments_pass_gymnasiums_checker(
    id_: str, observation: str, stop: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        env = make(id_, action="discrete", observation=observation, stop=stop)
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("action", ["discrete", "shares or arrays"])
@pytest.mark.parametrize("id_", IDS)
def test_flat_numbers_are_between_0_and_1_and_grow_with_the_counts(id_: str, action: str) -> None:
    how = {"action": "discrete"} if action == "discrete" else {}
    flat, arrays = (make(id_, observation=view, pretest=True, **how) for view in ("flat", "arrays"))
    assert flat.observation_space.low.min() == 0
    assert flat.observation_space.high.max() == 1
    for env in (flat, arrays):
        env.action_space.seed(1)
        env.reset(seed=2)
    for _ in range(3):
        choice = flat.action_space.sample()
        vector, *_ = flat.step(choice)
        assert vector in flat.observation_space
        seen = arrays.step(choice)[0] if action == "discrete" else None
        if seen is not None:
            assert vector == pytest.approx(_scaled(seen, arrays.observation_space, 40), abs=1e-6)


def _scaled(seen: Any, space: Any, half: int) -> np.ndarray:
    parts = []
    for name, box in space.spaces.items():
        numbers = np.asarray(seen[name], np.float64).ravel()
        parts.append(numbers / (numbers + half) if box.high.max() > 1 else numbers)
    return np.concatenate(parts)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("id_", IDS)
def test_dqn_of_stable_baselines_runs_unmodified(id_: str, stop: bool) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    from stable_baselines3 import DQN

    env = make(id_, action="discrete", observation="flat", stop=stop, reward_scale=100.0)
    checker.check_env(env, warn=True)
    model = DQN(
        "MlpPolicy", env, learning_starts=8, batch_size=8, train_freq=1, seed=0, device="cpu"
    )
    model.learn(20)
    action, _ = model.predict(env.reset(seed=1)[0], deterministic=True)
    assert action in env.action_space


BAD = (-1, 96, 0.5, float("nan"), float("inf"), 1e300, None, "x", [0, 1], {"a": 1}, (), 10**400)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_choice_that_does_not_exist_is_refused_and_changes_nothing(name: str, bad: Any) -> None:
    env, _ = rewind(name)
    before = state_of(env)
    with pytest.raises(ActionError, match="action"):
        env.step(bad)
    assert state_of(env) == before
