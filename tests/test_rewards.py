"""Rewards: derived by hand, telescoping, and clear about wrong names and prices."""

from __future__ import annotations

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownNameError
from teachgym.rewards import (
    REWARDS,
    LowerBound,
    SkillPotential,
    accuracy_gain,
    learnability,
    learning_progress,
    make_reward,
    per_skill_gain,
)
from teachgym.types import Cost, Example, Prediction, Report


def _report(**scores: list[float]) -> Report:
    predictions = (
        Prediction(Example("p", "t", skill), "r", s) for skill, ss in scores.items() for s in ss
    )
    return Report(tuple(predictions), "val")


BEFORE = _report(a=[0, 0, 0], b=[0])
AFTER = _report(a=[1, 0, 0], b=[1])


def test_accuracy_gain_weighs_items_and_per_skill_gain_weighs_skills() -> None:
    """Two of four items newly right: 1/2. Skills: (1/3 + 1) / 2 = 2/3."""
    assert accuracy_gain(BEFORE, AFTER, Cost()) == 0.5
    assert per_skill_gain(BEFORE, AFTER, Cost()) == pytest.approx(2 / 3)


def test_skills_not_measured_twice_are_left_out_of_the_per_skill_gain() -> None:
    nan = float("nan")
    assert per_skill_gain(_report(a=[0], b=[nan]), _report(a=[1], b=[1]), Cost()) == 1
    assert per_skill_gain(_report(a=[nan]), _report(a=[1]), Cost()) == 0


def test_cost_adjusted_gain_subtracts_the_price_of_the_step() -> None:
    """0.5 - 0.001 * 100 examples - 0.01 * 3 dollars = 0.37."""
    reward = make_reward("cost_adjusted", {"examples": 0.001, "dollars": 0.01})
    assert reward(BEFORE, AFTER, Cost(examples=100, dollars=3)) == pytest.approx(0.37)
    assert pickle.loads(pickle.dumps(reward)) == reward


def test_a_concave_potential_pays_more_for_weak_skills() -> None:
    """Roots: a from 0 to sqrt(1/3), b from 0 to 1: (0.5774 + 1) / 2 = 0.7887."""
    reward = make_reward("skill_potential")
    assert reward(BEFORE, AFTER, Cost()) == pytest.approx((1 / 3**0.5 + 1) / 2)
    assert SkillPotential(1)(BEFORE, AFTER, Cost()) == per_skill_gain(BEFORE, AFTER, Cost())
    with pytest.raises(ConfigError, match="exponent"):
        SkillPotential(0)


def test_a_lower_bound_is_the_gain_less_its_paired_error() -> None:
    """Changes 1, 0, 0, 1: mean 1/2, deviation sqrt(1/3), error 0.2887; two errors: -0.0774."""
    assert LowerBound()(BEFORE, AFTER, Cost()) == pytest.approx(0.5 - (1 / 3) ** 0.5 / 2)
    assert LowerBound(2)(BEFORE, AFTER, Cost()) == pytest.approx(0.5 - (1 / 3) ** 0.5)
    assert LowerBound(0)(BEFORE, AFTER, Cost()) == 0.5


def test_learnability_pays_for_what_is_half_right_before_the_step() -> None:
    """Skill a is 1/3 right: 4/3 * 2/3 = 8/9; b all right: 0; c was not measured: left out."""
    data = tuple(Example("q", "t", skill) for skill in ("a", "b", "c"))
    assert learnability(AFTER, BEFORE, data) == pytest.approx(4 / 9)
    assert learnability(AFTER, BEFORE, data[2:]) == learnability(AFTER, BEFORE, ()) == 0


def test_learnability_looks_at_the_difficulty_where_it_was_measured() -> None:
    """Easy ones are all right, hard ones half: 0 and 1; other difficulties: 3/4 right, 3/4."""
    levels = ((0.0, 1), (0.0, 1), (1.0, 1), (1.0, 0))
    items = (Prediction(Example("p", "t", "a", difficulty=d), "r", s) for d, s in levels)
    before = Report(tuple(items), "val")
    worth = [
        learnability(before, before, (Example("q", "t", "a", difficulty=d),)) for d in (0, 1, 0.5)
    ]
    assert worth == pytest.approx([0, 1, 0.75])


def test_learning_progress_pays_for_what_was_taught_alone_and_for_forgetting() -> None:
    """Skill a changed by 1/3, b by 1: of two examples of a and one of b (1/3 + 1/3 + 1) / 3."""
    data = tuple(Example("q", "t", skill) for skill in ("a", "a", "b", "c"))
    for pair in ((BEFORE, AFTER), (AFTER, BEFORE)):
        assert learning_progress(*pair, data) == pytest.approx(5 / 9)
    assert learning_progress(BEFORE, AFTER, data[3:]) == 0


@pytest.mark.parametrize("name", REWARDS)
def test_no_change_at_no_cost_is_worth_nothing(name: str) -> None:
    assert make_reward(name)(BEFORE, BEFORE, Cost()) == 0


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4), min_size=2))
def test_accuracy_gains_telescope(reports: list[list[float]]) -> None:
    curve = [_report(a=scores) for scores in reports]
    total = sum(accuracy_gain(a, b, Cost()) for a, b in itertools.pairwise(curve))
    assert total == pytest.approx(curve[-1].accuracy - curve[0].accuracy)


def test_wrong_names_and_prices_are_answered_with_what_exists() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy_gain'"):
        make_reward("acuracy_gain")
    with pytest.raises(ConfigError, match="cost_adjusted"):
        make_reward("accuracy_gain", {"examples": 1})
    with pytest.raises(ConfigError, match="Known: "):
        make_reward("cost_adjusted", {"euros": 1})
    with pytest.raises(ConfigError, match="-1"):
        make_reward("cost_adjusted", {"examples": -1})
