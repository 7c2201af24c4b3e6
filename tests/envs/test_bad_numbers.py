"""Numeric actions outside the space: refused before anything happens, in every form."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.actions import require_member
from teachgym.errors import ActionError
from tests.envs.forms import NUMERIC, SMALL, make, outside, rewind, state_of

SPACES = {
    "box": gym.spaces.Box(0, 1, (2, 3)),
    "wide": gym.spaces.Box(-1, 1, (5,)),
    "choice": gym.spaces.Discrete(4),
    "choice from 3": gym.spaces.Discrete(4, start=3),
    "choices": gym.spaces.MultiDiscrete([3, 4]),
    "bits": gym.spaces.MultiBinary(3),
    "all": gym.spaces.Dict(
        {
            "a": gym.spaces.Box(0, 1, (2,)),
            "b": gym.spaces.MultiBinary(2),
            "c": gym.spaces.Discrete(2),
        }
    ),
}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", NUMERIC)
@settings(max_examples=12)
@given(data=st.data())
def test_a_refused_action_changes_nothing(name: str, data: st.DataObject) -> None:
    """Ledger, student, streams and state stay, and the next step is that of an untouched twin."""
    env, twin = rewind(name)
    before = state_of(env)
    bad = data.draw(outside(env.action_space))
    with pytest.raises(ActionError, match="action"):
        env.step(bad)
    assert state_of(env) == before
    env.action_space.seed(7)
    good = env.action_space.sample()
    one, other = env.step(good), twin.step(good)
    assert data_equivalence(one[:4], other[:4], exact=True)
    assert one[4]["data"] == other[4]["data"]
    assert one[4]["cost"] == other[4]["cost"]


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=60)
@given(data=st.data())
def test_members_pass_and_what_passes_is_a_member(name: str, data: st.DataObject) -> None:
    """Of whatever types; what comes out has those of the space."""
    space = SPACES[name]
    space.seed(data.draw(st.integers(0, 9)))
    member = space.sample()
    for form in (lambda x: x, np.float64, lambda x: np.asarray(x).tolist()):
        given_ = {k: form(v) for k, v in member.items()} if name == "all" else form(member)
        passed = require_member(space, given_)
        assert space.contains(passed)
        assert data_equivalence(passed, require_member(space, passed), exact=True)


def test_the_message_names_field_value_and_space() -> None:
    env = make(NUMERIC["tree"])
    env.reset(seed=0)
    action = env.action_space.sample()
    action["allocation"][1, 2] = np.nan
    says = re.escape("action['allocation'][1, 2] is nan; it must be in Box(0.0, 1.0,")
    with pytest.raises(ActionError, match=says):
        env.step(action)
    with pytest.raises(ValueError, match="action has no 'allocation'"):
        env.step({k: v for k, v in action.items() if k != "allocation"})


def test_floats_are_rounded_to_the_type_of_the_space_before_they_are_looked_at() -> None:
    assert require_member(gym.spaces.Box(0, 1, (1,)), [1 + 1e-12]) == 1
    with pytest.raises(ActionError, match=r"\[0\] is 1.001"):
        require_member(gym.spaces.Box(0, 1, (1,)), [1.001])
    with pytest.raises(ActionError, match=r"\[1\] is 0.5; it must be in MultiBinary"):
        require_member(gym.spaces.MultiBinary(2), [1.0, 0.5])


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", NUMERIC)
def test_one_bad_row_keeps_every_row_where_it_is(name: str) -> None:
    """A vector environment looks at all rows before the first one steps."""
    envs = vector(name)
    before = [state_of(env) for env in envs.envs]
    rows = [envs.single_action_space.sample() for _ in range(3)]
    spoiled = [rows[0], spoil(rows[1]), rows[2]]
    for batch in (batched(envs, spoiled), None, batched(envs, rows[:2]), "x", Ellipsis):
        with pytest.raises(ActionError):
            envs.step(batch)
    with pytest.raises(ActionError, match="action of row 1"):
        envs.step_rows(dict(enumerate(spoiled)))
    assert [state_of(env) for env in envs.envs] == before
    assert len(envs.step(batched(envs, rows))[1]) == 3


def vector(name: str) -> Any:
    id_, own = NUMERIC[name]
    envs: Any = gym.make_vec(id_, num_envs=3, **{**SMALL, **own})
    envs.reset(seed=3)
    return envs


def spoil(action: Any) -> Any:
    if isinstance(action, dict):
        return {**action, "allocation": np.full_like(action["allocation"], np.nan)}
    return np.full_like(action, np.nan)


def batched(envs: Any, rows: list[Any]) -> Any:
    if isinstance(rows[0], dict):
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    return np.stack(rows)
