"""Every form of action of the registered environments, and junk to hand in instead of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from hypothesis import strategies as st

from teachgym.snapshot import Snapshot

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 6, "examples": 200},
}
NUMERIC: dict[str, tuple[str, dict[str, Any]]] = {
    "shares": ("teachgym/SkillList-v0", {}),
    "shares-flat": ("teachgym/SkillList-v0", {"observation": "flat"}),
    "shares-text": ("teachgym/SkillList-v0", {"observation": "text"}),
    "tree": ("teachgym/SkillTree-v0", {}),
    "tree-flat": ("teachgym/SkillTree-v0", {"observation": "flat"}),
    "tree-report": ("teachgym/SkillTree-v0", {"observation": "report"}),
}
"""Name of a form to the environment's id and the settings that ask for it."""
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "cell": ("teachgym/SkillList-v0", {"action": "discrete"}),
    "cell-flat": ("teachgym/SkillList-v0", {"action": "discrete", "observation": "flat"}),
    "root": ("teachgym/SkillTree-v0", {"action": "discrete"}),
    "root-flat": ("teachgym/SkillTree-v0", {"action": "discrete", "observation": "flat"}),
}
WORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "examples": ("teachgym/OpenEnded-v0", {}),
    "examples-arrays": ("teachgym/OpenEnded-v0", {"observation": "arrays"}),
    "examples-text": ("teachgym/OpenEnded-v0", {"observation": "text"}),
    "plan": ("teachgym/SkillList-v0", {"action": "plan"}),
    "moves": ("teachgym/SkillTree-v0", {"action": "moves"}),
    "moves-report": ("teachgym/SkillTree-v0", {"action": "moves", "observation": "report"}),
}
FORMS = {**NUMERIC, **CHOICES, **WORDS}


class Junk:
    """Nothing that anybody expects, and nothing that can be asked."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


JUNK: tuple[Any, ...] = (
    *(None, "x", b"x", "", 0, 1, -1, 2, 1e30, True, 1j, float("nan"), 10**400, Junk(), object()),
    *([], (), {}, [[1], [1, 2]], [None], ["a"], {"a": 1}, {1, 2}, range(3), lambda: 0, type),
    *(np.zeros(0), np.zeros((1, 1)), np.array([None]), np.array("x"), np.zeros(3, "M8[s]")),
)


def make(form: tuple[str, dict[str, Any]], **settings: Any) -> gym.Env[Any, Any]:
    id_, own = form
    return gym.make(id_, **{**SMALL, **own, **settings})


@cache
def pair(name: str) -> tuple[gym.Env[Any, Any], gym.Env[Any, Any], Snapshot]:
    """Two equal environments after one step, and the state they are in."""
    env, twin = make(FORMS[name]), make(FORMS[name])
    env.action_space.seed(1)
    action = env.action_space.sample()
    for one in (env, twin):
        one.reset(seed=3)
        one.step(action)
    return env, twin, env.get_wrapper_attr("snapshot")()


def rewind(name: str) -> tuple[gym.Env[Any, Any], gym.Env[Any, Any]]:
    """The two of ``pair``, both in that state."""
    env, twin, snapshot = pair(name)
    for one in (env, twin):
        one.get_wrapper_attr("restore")(snapshot)
    return env, twin


def state_of(env: gym.Env[Any, Any]) -> tuple[Any, ...]:
    """What a refused action must leave as it was."""
    snapshot = env.get_wrapper_attr("snapshot")()
    ledger = env.get_wrapper_attr("ledger")
    return snapshot, tuple(ledger.incidents), sorted(env.get_wrapper_attr("_seen"))


BAD = (float("nan"), float("inf"), -float("inf"), -1.5, 2, 1e30, 1e300, 0.5 + 2**40, -(2**63))
WRONG = (None, "x", 1j, Junk(), [1, 2], b"1", 10**400)


@st.composite
def outside(draw: st.DrawFn, space: gym.Space[Any]) -> Any:
    """Something that is no member of a space of numbers, most of it nearly one."""
    if draw(st.integers(0, 5)) == 0:
        whole = int if space.shape == () else ()  # A choice is one number.
        return draw(st.sampled_from([j for j in JUNK if not isinstance(j, whole)]))
    space.seed(draw(st.integers(0, 99)))
    if isinstance(space, gym.spaces.Dict):
        return _break_entry(draw, space, space.sample())
    return _break_array(draw, np.asarray(space.sample()))


def _break_entry(draw: st.DrawFn, space: gym.spaces.Dict, action: dict[str, Any]) -> Any:
    name = draw(st.sampled_from(sorted(space.spaces)))
    how = draw(st.sampled_from(["missing", "extra", "junk", "entry"]))
    if how == "missing":
        return {key: value for key, value in action.items() if key != name}
    if how == "extra":
        return {**action, draw(st.sampled_from(["", "more", 7, None])): 0}
    if how == "junk":
        return {**action, name: draw(st.sampled_from(JUNK))}
    return {**action, name: _break_array(draw, np.asarray(action[name]))}


def _break_array(draw: st.DrawFn, array: np.ndarray) -> Any:
    """The array with a wrong number, another shape, or something that is no number in it."""
    place = tuple(draw(st.integers(0, size - 1)) for size in array.shape)
    changes: dict[str, Callable[[], Any]] = {
        "number": lambda: _with(array.astype(np.float64), place, draw(st.sampled_from(BAD))),
        "thing": lambda: _with(array.astype(object), place, draw(st.sampled_from(WRONG))),
        "complex": lambda: array.astype(complex),
        "text": lambda: array.astype(str),
        "longer": lambda: np.concatenate([array, array]),
        "deeper": lambda: array[None],
        "shorter": lambda: array[1:],
        "ragged": lambda: [*array.tolist(), [[]]],
    }
    return changes[draw(st.sampled_from(sorted(changes)))]()


def _with(array: np.ndarray, place: tuple[int, ...], value: Any) -> np.ndarray:
    array[place] = value
    return array
