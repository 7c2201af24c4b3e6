"""Actions in words that cannot be used: rejected item by item, and never an exception."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.gate import REASONS
from teachgym.records import example_to_json
from teachgym.runs import RunFolder, record_episode
from teachgym.types import Example, Explore, Order, Plan, Transition
from tests.envs.forms import SMALL, WORDS, make, rewind
from tests.envs.wrong_words import no_action, wrong_examples, wrong_moves, wrong_orders


def wrong_items(env: gym.Env[Any, Any], name: str) -> st.SearchStrategy[Any]:
    """Items of an action of this form that cannot be used, and the reason for junk."""
    task = env.get_wrapper_attr("task")
    if name.startswith("examples"):
        right = next(e for e in task.examples("train") if len(e.target) > 1)
        return wrong_examples(right, task.examples("val")[0])
    leaf, root = task.skills[-1].name, task.skills[0].name
    return wrong_orders(leaf) if name == "plan" else wrong_moves(root)


def right_items(env: gym.Env[Any, Any], name: str) -> list[Any]:
    """Items that can be used; what comes of them does not depend on what stands beside them."""
    task = env.get_wrapper_attr("task")
    if name.startswith("examples"):
        return list(task.examples("train")[40:44])
    if name == "plan":
        return [Order(skill.name, 2) for skill in task.skills[-2:]]
    return [Explore(task.skills[1].name, 1, 2)]


def action_of(name: str, items: list[Any]) -> Any:
    return Plan(tuple(items)) if name == "plan" else tuple(items)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", WORDS)
@settings(max_examples=15)
@given(data=st.data())
def test_what_cannot_be_used_is_left_out_and_the_rest_is_done(
    name: str, data: st.DataObject
) -> None:
    """The step is that of a twin which was handed the good items alone; every verdict is JSON."""
    env, twin = rewind(name)
    wrong = data.draw(st.lists(wrong_items(env, name), min_size=1, max_size=4))
    right = right_items(env, name)
    places = data.draw(st.lists(st.integers(0, len(right)), min_size=len(wrong), max_size=4))
    mixed = list(right)
    for item, place in zip(wrong, places, strict=False):
        mixed.insert(place, item)
    mixed += wrong[len(places) :]
    one, other = env.step(action_of(name, mixed)), twin.step(action_of(name, right))
    said = int(name.endswith("text"))  # Texts say what was rejected.
    assert data_equivalence(one[said:4], other[said:4], exact=True)
    assert one[4]["data"] == other[4]["data"]
    assert one[4]["cost"] == other[4]["cost"]
    rejected = one[4]["rejected"]
    assert len(rejected) == len(wrong) + len(other[4]["rejected"])
    assert one[4]["metrics"]["rejected"] == len(rejected)
    for verdict in rejected:
        assert verdict.reason in REASONS
        assert verdict.detail.isprintable()
        assert (verdict.example is None) == bool(verdict.item)
        json.dumps(verdict.example and example_to_json(verdict.example), allow_nan=False)
        assert verdict.item.isascii()
    written = env.action_space.to_jsonable([action_of(name, mixed)])
    (back,) = env.action_space.from_jsonable(written)
    assert json.dumps(env.action_space.to_jsonable([back])) == json.dumps(written)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", WORDS)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_no_action_counts_as_one_rejected_item_and_a_step_without_training(
    name: str, data: st.DataObject
) -> None:
    env, twin = rewind(name)
    bad = data.draw(no_action())
    one, other = env.step(bad), twin.step(action_of(name, []))
    said = int(name.endswith("text"))  # Texts say what was rejected.
    assert data_equivalence(one[said:4], other[said:4], exact=True)
    [verdict, *rest] = one[4]["rejected"]
    assert verdict.reason in ("action", "order")
    assert len(rest) == len(other[4]["rejected"])
    written = env.action_space.to_jsonable([bad])
    assert "malformed" in json.dumps(written)


@pytest.mark.parametrize("name", ["examples", "plan", "moves"])
def test_rows_of_a_vector_environment_reject_like_single_ones(name: str) -> None:
    id_, own = WORDS[name]
    envs: Any = gym.make_vec(id_, num_envs=3, **{**SMALL, **own, "rejection_penalty": 0.25})
    single = make(WORDS[name], rejection_penalty=0.25)
    envs.reset(seed=[5, 6, 7])
    single.reset(seed=6)
    right = right_items(single, name)
    actions = (None, action_of(name, [*right, None, 5]), action_of(name, right))
    _, rewards, _, _, infos = envs.step(actions)
    _, reward, _, _, info = single.step(actions[1])
    assert rewards[1] == reward
    assert infos["rejected"][1] == info["rejected"]
    assert rewards[0] == -0.25
    assert [len(rejected) for rejected in infos["rejected"]] == [1, 2, 0]


def test_each_rejected_item_costs_the_penalty_and_none_by_default() -> None:
    task_action = (None, 3, Example("copy ab=", "zz", "copy"), Example("x", "y", "no skill"))
    plain, dear = make(WORDS["examples"]), make(WORDS["examples"], rejection_penalty=0.5)
    rewards = []
    for env in (plain, dear):
        env.reset(seed=0)
        rewards.append(env.step(task_action)[1])
    assert rewards == [0.0, -2.0]
    for wrong in (-1, float("nan"), "x", True, None):
        with pytest.raises(ConfigError, match="rejection_penalty is"):
            make(WORDS["examples"], rejection_penalty=wrong)


def test_rewards_add_up_to_last_minus_first_whatever_is_rejected() -> None:
    env = make(WORDS["moves"])
    _, info = env.reset(seed=2)
    first, total, done = info["metrics"]["accuracy"], 0.0, False
    while not done:
        *_, reward, done, _, info = env.step((*right_items(env, "moves"), None, "?"))
        total += float(reward)
    assert total == pytest.approx(info["metrics"]["accuracy"] - first, abs=1e-12)


def test_thousands_of_items_are_no_trouble() -> None:
    for name in ("examples", "plan", "moves"):
        env, _ = rewind(name)
        *_, info = env.step(action_of(name, [None] * 5000))
        assert info["metrics"]["rejected"] == 5000


class Clumsy:
    """Hands in right and wrong things by turns."""

    name = "clumsy"

    def __init__(self, name: str, items: list[Any]) -> None:
        self._name, self._items, self._step = name, items, 0

    def reset(self, seed: int) -> None:
        self._step = 0

    def act(self, observation: Any) -> Any:
        self._step += 1
        wrong = [None, {"a": {1}}, object(), "half \ud800", Explore("?", 1, 1), np.zeros(2)]
        if self._step == 2:
            return "no action at all"
        return action_of(self._name, [*self._items, *wrong])

    def observe(self, transition: Transition) -> None:
        pass


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["examples", "plan", "moves"])
def test_a_run_writes_down_what_was_rejected_and_can_be_resumed(name: str, tmp_path: Path) -> None:
    """Resuming asks the teacher again and compares, so what is malformed has one looks only."""
    env = make(WORDS[name], budget={"steps": 4})
    env.reset(seed=0)
    teacher = Clumsy(name, right_items(env, name))
    run = RunFolder.create(tmp_path / "run", {})
    episode = record_episode(env, teacher, run, seed=0)
    lines = [json.loads(line) for line in run.rejected.read_text().splitlines()]
    assert len(lines) == sum(t.info["metrics"]["rejected"] for t in episode.transitions)
    shown = [line["item"] for line in lines if line["step"] == 2]
    assert "'no action at all'" in shown
    again = record_episode(make(WORDS[name], budget={"steps": 4}), teacher, run, seed=0)
    assert [t.reward for t in again.transitions] == [t.reward for t in episode.transitions]


def test_a_verdict_shows_what_was_handed_in() -> None:
    env, _ = rewind("plan")
    *_, info = env.step(Plan((Order("no such skill", 2),)))
    assert [asdict(v) for v in info["rejected"]] == [
        {
            "example": None,
            "reason": "order",
            "detail": info["rejected"][0].detail,
            "item": "Order(skill='no such skill', count=2, difficulty=None, hint='', seeds=(), "
            "engine='', subskill='')",
        }
    ]
    assert "unknown skill 'no such skill'" in info["rejected"][0].detail
