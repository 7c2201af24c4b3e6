"""Teachers that choose who fills their orders: plans derived by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher, teacher_entry
from teachgym.agents.lookahead import Ahead
from teachgym.agents.methods.ratio_rule import RatioRule
from teachgym.agents.methods.smoke_test import SmokeTest
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Plan, Tried
from tests.agents.llm.classroom import make_classroom

# -- ratio-rule ----------------------------------------------------------------------------


def engines_of(plan: Plan) -> set[str]:
    return {order.engine for order in plan.orders}


def test_ratio_rule_changes_over_where_calls_have_reached_tau_times_the_seeds() -> None:
    """Ten a step and twelve seeds: 10/12, 20/12, 30/12 and 40/12, so from the third on at 2.5."""
    teacher = RatioRule(make_classroom()[0], tau=2.5)
    plans = [teacher.act(None) for _ in range(4)]
    assert [engines_of(p) for p in plans] == [{"answers"}] * 2 + [{"questions"}] * 2
    assert all(p.total == 10 for p in plans)
    teacher.reset(1)
    assert engines_of(teacher.act(None)) == {"answers"}


def test_ratio_rule_keeps_to_one_engine_where_the_budget_is_known() -> None:
    classroom = make_classroom()[0]
    for queries, engine in ((29, "answers"), (30, "questions")):
        teacher = RatioRule(classroom, tau=2.5, queries=queries)
        assert {e for _ in range(5) for e in engines_of(teacher.act(None))} == {engine}


def test_ratio_rule_varies_all_seeds_alike() -> None:
    """Three seeds in turns: ten of them are 4, 3 and 3, and of thirty each is varied ten times."""
    teacher = RatioRule(make_classroom()[0], seeds=3)
    plans = [teacher.act(None) for _ in range(3)]
    assert sorted(order.count for order in plans[0].orders) == [3, 3, 4]
    varied: Counter[Any] = Counter()
    for plan in plans:
        varied.update({(order.skill, order.seeds): order.count for order in plan.orders})
    assert list(varied.values()) == [10, 10, 10]


def test_ratio_rule_needs_seeds() -> None:
    with pytest.raises(ConfigError, match="no training examples, and ratio-rule varies them"):
        RatioRule(make_classroom(train=0)[0])
    with pytest.raises(ConfigError, match="tau is 0"):
        RatioRule(make_classroom()[0], tau=0)


# -- smoke-test ----------------------------------------------------------------------------


class Samples:
    """Pays for the engine of a plan; at most ``most`` plans at once."""

    def __init__(self, worth: dict[str, float], most: int = 8) -> None:
        self.worth, self.most = worth, most
        self.tried: list[Plan] = []

    def branch(self, actions: Sequence[Any], starts: Sequence[str] = ()) -> tuple[Tried, ...]:
        if len(actions) > self.most:
            raise BudgetError("that is too much")
        self.tried = [*actions]
        return tuple(Tried(self.worth[a.orders[0].engine], "") for a in actions)


def choosing(samples: Samples, **settings: Any) -> SmokeTest:
    return SmokeTest(Ahead(make_classroom(per_step=9)[0], samples), **settings)


def test_smoke_test_tries_a_sample_of_each_engine_once_and_keeps_to_the_best() -> None:
    """Three skills: samples of two each, then steps of three each from the second engine.

    Its sample is the first step.
    """
    samples = Samples({"a": 0.1, "b": 0.3, "c": 0.2})
    teacher = choosing(samples, engines=["a", "b", "c"], sample=6)
    plans = [teacher.act(None) for _ in range(3)]
    assert [[(o.engine, o.count) for o in plan.orders] for plan in samples.tried] == [
        [(engine, 2)] * 3 for engine in "abc"
    ]
    assert plans[0] is samples.tried[1]
    assert [(o.engine, o.count) for plan in plans[1:] for o in plan.orders] == [("b", 3)] * 6
    samples.worth["c"] = 0.4
    teacher.reset(0)
    assert engines_of(teacher.act(None)) == {"c"}


def test_smoke_test_tries_as_many_as_it_can_pay() -> None:
    """Half of four; and of one alone there is no choice."""
    worth = {"a": 0.1, "b": 0.3, "c": 0.9, "d": 0.9}
    for most, best in ((2, "b"), (1, "a")):
        teacher = choosing(Samples(worth, most), engines=[*worth])
        plan = teacher.act(None)
        assert engines_of(plan) == {best}
        assert plan.total == 9


def test_smoke_test_pays_for_all_samples_and_makes_the_best_one() -> None:
    """Two samples of 32 examples in a budget of four steps, each of 64, one to a skill and two.

    The other engine's sample is a step, its best a second one, and two more are whole: 32 + 32 +
    64 + 64 examples are trained on, and as many are charged.
    """
    env = gym.make(
        "teachgym/SkillList-v0",
        **teacher_entry("smoke-test").env["SkillList"],
        student="simulated",
        examples_per_step=64,
        budget={"steps": 4},
        task_settings={"train_per_cell": 9, "val_per_cell": 3, "test_per_cell": 1},
        gate_settings={"duplicates": "allow"},
    )
    teacher: Any = make_teacher("smoke-test", env, sample=32)
    lookahead, tried = teacher.lookahead, list[Tried]()

    class Watched:
        def branch(self, actions: Any, starts: Any = ()) -> tuple[Tried, ...]:
            tried.extend(lookahead.branch(actions, starts))
            return tuple(tried)

    teacher.lookahead = Watched()
    transitions = run_episode(env, teacher, seed=2).transitions
    assert transitions[0].reward == max(one.reward for one in tried)
    costs = [t.info["cost"] for t in transitions]
    assert [(c.steps, c.examples) for c in costs] == [(2, 64), (1, 64), (1, 64)]
    assert [len(t.info["data"]) for t in transitions] == [32, 64, 64]


def test_smoke_test_needs_a_list_of_engines_and_the_right_to_try() -> None:
    with pytest.raises(ConfigError, match="engines is 'pool'; it must be a list"):
        choosing(Samples({}), engines="pool")
    with pytest.raises(ConfigError, match="engines is empty"):
        choosing(Samples({}), engines=[])
    with pytest.raises(ConfigError, match="sample is 10"):
        choosing(Samples({}), sample=10)
    env = gym.make("teachgym/SkillList-v0", student="simulated", action="plan")
    with pytest.raises(ConfigError, match="lookahead=8"):
        make_teacher("smoke-test", env)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["ratio-rule", "smoke-test"])
def test_they_teach_a_student_to_the_end(name: str) -> None:
    """With the environment that they ask for; samples cost steps."""
    settings = {
        "student": "simulated",
        "examples_per_step": 60,
        "budget": {"steps": 4},
        "task_settings": {"train_per_cell": 4, "val_per_cell": 3, "test_per_cell": 3},
    }
    env = gym.make("teachgym/SkillList-v0", **teacher_entry(name).env["SkillList"], **settings)
    episodes = [run_episode(env, make_teacher(name, env), seed=2) for _ in range(2)]
    assert episodes[0].length == {"ratio-rule": 4, "smoke-test": 3}[name]
    assert episodes[0].return_ > 0
    actions = [[t.action for t in episode.transitions] for episode in episodes]
    assert actions[0] == actions[1]
    assert all(t.info["data"] for t in episodes[0].transitions)
