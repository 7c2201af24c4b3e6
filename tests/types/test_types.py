"""The words: arithmetic of scores, costs and budgets; order of skills."""

from __future__ import annotations

import math
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.types import (
    CURRENCIES,
    Budget,
    Checkpoint,
    Cost,
    Example,
    Order,
    Plan,
    Prediction,
    Report,
    Score,
    Skill,
    leaf_skills,
    leaves_by_root,
    root_skills,
)


def _report(*scores: float) -> Report:
    return Report(
        tuple(Prediction(Example("p", "t", f"s{i % 2}"), "r", s) for i, s in enumerate(scores)),
        "val",
    )


def test_accuracy_has_the_standard_error_of_a_proportion() -> None:
    """Three of four right: p = 0.75, sqrt(0.75 * 0.25 / 4) = 0.2165."""
    report = _report(1, 1, 1, 0)
    assert report.accuracy == 0.75
    assert report.stderr == pytest.approx(0.21650635)


def test_what_was_not_measured_is_neither_right_nor_wrong() -> None:
    report = _report(1, math.nan, 0)
    assert report.overall.n == 2
    assert report.accuracy == 0.5
    assert len(report.errors) == 1


def test_nothing_measured_is_not_a_number_with_n_zero() -> None:
    score = Score.of(np.array([math.nan]))
    assert score.n == 0
    assert math.isnan(score.mean)
    assert math.isnan(score.stderr)


def test_scores_are_grouped_by_skill_in_order_of_appearance() -> None:
    scores = _report(1, 0, 0, 0).by_skill()
    assert list(scores) == ["s0", "s1"]
    assert scores["s0"].mean == 0.5
    assert scores["s1"].mean == 0.0


def test_words_cannot_be_changed_and_survive_pickling() -> None:
    report = _report(1, 0)
    assert pickle.loads(pickle.dumps(report)) == report
    with pytest.raises(FrozenInstanceError):
        report.split = "test"  # type: ignore[misc]


def test_orders_refuse_negative_counts_and_difficulties_outside_the_unit_interval() -> None:
    with pytest.raises(ValueError, match="-1"):
        Order("a", -1)
    with pytest.raises(ValueError, match=r"1\.5"):
        Order("a", 1, difficulty=1.5)
    assert Plan((Order("a", 2), Order("b", 3))).total == 5


def test_budget_says_what_is_left_and_what_is_exceeded() -> None:
    budget = Budget(examples=10, dollars=2.0)
    spent = Cost(examples=4, dollars=2.5, teacher_calls=7)
    left = budget.remaining(spent)
    assert left["examples"] == 6
    assert left["dollars"] == 0
    assert left["teacher_calls"] == math.inf
    assert budget.exceeded(spent) == ("dollars",)
    shares = budget.fractions_left(spent)
    assert shares.shape == (len(CURRENCIES),)
    assert shares[CURRENCIES.index("examples")] == pytest.approx(0.6)
    assert shares[CURRENCIES.index("teacher_calls")] == 1


@pytest.mark.parametrize("limit", [0, -3, math.nan])
def test_budget_limits_are_above_zero(limit: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Budget(seconds=limit)


costs = st.builds(Cost, examples=st.integers(0, 99), train_tokens=st.integers(0, 99))


@given(costs, costs, costs)
def test_costs_add_up_in_any_order(a: Cost, b: Cost, c: Cost) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Cost() == a


@given(costs, st.integers(1, 99))
def test_a_budget_allows_what_it_does_not_exceed(cost: Cost, limit: int) -> None:
    assert Budget(examples=limit).allows(cost) == (cost.examples <= limit)


def test_checkpoints_are_equal_when_every_bit_is() -> None:
    a = Checkpoint({"w": np.array([1.0, math.nan])})
    assert a == Checkpoint({"w": np.array([1.0, math.nan])})
    assert a != Checkpoint({"w": np.array([1.0, math.nan], dtype=np.float32)})
    assert a != Checkpoint({"v": np.array([1.0, math.nan])})
    assert a != Checkpoint({"w": np.array([-1.0, math.nan])})


def test_skills_form_a_forest_of_any_depth() -> None:
    skills = (Skill("a"), Skill("b", "a"), Skill("c", "b"), Skill("d", "a"), Skill("lone"))
    assert root_skills(skills) == ("a", "lone")
    assert leaf_skills(skills) == ("c", "d", "lone")
    assert leaves_by_root(skills) == {"a": ("c", "d"), "lone": ("lone",)}


@pytest.mark.parametrize(("right", "n"), [(0, 80), (80, 80)])
def test_a_share_of_none_or_all_has_the_error_of_agresti_and_coull(right: int, n: int) -> None:
    """(x + 2) / (n + 4) = 2 / 84: sqrt(2 / 84 * 82 / 84 / 84) = 0.01663, twice is about 3 / n."""
    score = Score.of([1.0] * right + [0.0] * (n - right))
    assert score.mean == right / n
    assert score.stderr == pytest.approx(0.01663, abs=1e-5)
    assert Score.of([0.5] * n).stderr == 0


@pytest.mark.parametrize("values", [[1.0, 3.0], [-1.0, 1.0], [0.0, 2.0]])
def test_a_mean_of_anything_has_the_error_of_its_values(values: list[float]) -> None:
    """Both are 1 from their mean: 1 / sqrt(2). Only shares have the error of a share."""
    assert Score.of(values).stderr == pytest.approx(0.5**0.5)


@given(st.floats(-1, 1), st.integers(0, 4), st.sampled_from(["", "+"]))
def test_a_mean_that_rounds_to_zero_is_never_shown_as_negative(
    mean: float, digits: int, sign: str
) -> None:
    shown = Score(1, mean, math.nan).show(f"{sign}.{digits}f")
    assert (
        shown == f"{sign}{0:.{digits}f}"
        if float(shown) == 0
        else float(shown) == round(mean, digits)
    )
