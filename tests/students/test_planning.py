"""Searched plans: the gradient against differences, small optima by hand, and the hard profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.benchmarks.models.hard_profile import TRAPS, hard_profile
from teachgym.errors import ConfigError
from teachgym.students import learnable_skills, planning
from teachgym.students.dynamics import Dynamics, accuracy, flow
from teachgym.students.planning import (
    Found,
    gradient,
    plan_for,
    search_constant,
    search_plan,
)
from teachgym.students.profile import HARD, Profile
from teachgym.tasks import make_task
from teachgym.types import Budget, FloatArray, leaf_skills
from tests.students.profiles import PLAIN, Words, dynamics_of, profile_of

STEPS = (250.0,) * 10


def value_of(dynamics: Dynamics, steps: Sequence[float], shares: FloatArray) -> FloatArray:
    """Mean accuracy of all cells after plans of ``shares``, (..., T, S, L), without noise."""
    x = np.broadcast_to(dynamics.start, (*shares.shape[:-3], *dynamics.start.shape))
    for step, examples in enumerate(steps):
        x, _ = flow(x, examples * shares[..., step, :, :], dynamics)
    value: FloatArray = accuracy(x, dynamics).mean(axis=(-2, -1))
    return value


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), heat=st.sampled_from([1.0, 5.0]))
def test_the_gradient_is_that_of_differences(seed: int, heat: float) -> None:
    rng = np.random.default_rng(seed)
    dynamics = dynamics_of(
        replace(PLAIN, rate=rng.uniform(0, 8), forgetting=rng.uniform(0, 1), start=(-2.0, 0.0)),
        replace(PLAIN, rate=4.0, prerequisites=("a",), transfer={"a": 0.3}, ceiling=(0.8, 1.0)),
        level_transfer=0.4,
        rehearsal=rng.uniform(0, 3),
    )
    shares, way = rng.dirichlet(np.ones(4), 3).reshape(3, 2, 2), rng.normal(size=(3, 2, 2)) * 1e-5
    steps = (100.0, 400.0, 250.0)
    value, slope = gradient(dynamics, steps, shares, heat)
    assert value == pytest.approx(float(value_of(dynamics, steps, shares)))

    def heated(shares: FloatArray) -> float:
        x = dynamics.start
        for examples, of_step in zip(steps, shares, strict=True):
            x, _ = flow(x, examples * of_step, dynamics)
        return float(accuracy(x / heat, dynamics).mean())

    change = heated(shares + way) - heated(shares - way)
    assert (slope * way).sum() == pytest.approx(change / 2, rel=1e-3, abs=1e-12)


def test_what_cannot_be_learned_gets_nothing() -> None:
    """Skill b cannot be learned; a's two levels are alike, so they share evenly."""
    dynamics = dynamics_of(PLAIN, replace(PLAIN, rate=0.0))
    found = search_constant(dynamics, (500.0, 500.0))
    np.testing.assert_allclose(found.shares[0], [[0.5, 0.5], [0, 0]], atol=0.02)
    np.testing.assert_array_equal(found.shares[0], found.shares[1])


def test_a_plan_teaches_the_prerequisite_first() -> None:
    a = replace(PLAIN, rate=20.0, start=(-4.0, -4.0))
    b = replace(PLAIN, rate=20.0, start=(-4.0, -4.0), prerequisites=("a",))
    found = search_plan(dynamics_of(a, b), (250.0, 250.0))
    first, last = found.shares.sum(axis=2)  # (S,) each
    assert first[0] > 0.9
    assert last[1] > 0.9


def test_plans_are_worth_what_is_said_and_are_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "ROUNDS", 50)
    dynamics = dynamics_of(replace(PLAIN, forgetting=1.0), replace(PLAIN, rate=3.0))
    plan = search_plan(dynamics, (400.0,) * 3)
    assert value_of(dynamics, (400.0,) * 3, plan.shares) == pytest.approx(plan.value)
    again = search_plan(dynamics, (400.0,) * 3)
    np.testing.assert_array_equal(again.shares, plan.shares)


def test_a_plan_for_an_episode_has_a_row_for_each_of_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "ROUNDS", 3)
    profile, task = profile_of(PLAIN, PLAIN), Words()
    for budget, rows in (
        (Budget(steps=4), 4),
        (Budget(steps=4, examples=250), 3),
        (Budget(examples=300), 3),
    ):
        assert plan_for(profile, task, budget, 100, free=True).shape == (rows, 2, 2)
    with pytest.raises(ConfigError, match="limit steps or examples"):
        plan_for(profile, task, Budget(seconds=3), 100, free=True)


def test_a_plan_never_falls_behind_the_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for plans that finds nothing leaves the best constant allocation."""
    monkeypatch.setattr(planning, "ROUNDS", 100)
    poor = Found(np.full((4, 2, 2), 0.25), 0.0, 1)
    monkeypatch.setattr(planning, "search_plan", lambda dynamics, steps: poor)
    profile, task, budget = profile_of(PLAIN, replace(PLAIN, rate=0.0)), Words(), Budget(steps=4)
    plan = plan_for(profile, task, budget, 90, free=True)
    np.testing.assert_array_equal(plan, plan_for(profile, task, budget, 90, free=False))
    assert plan[:, 0].sum() > 3.5


@pytest.fixture(scope="module")
def hard() -> Dynamics:
    """The hard profile."""
    task = make_task("arithmetic-and-strings")
    return Dynamics.of(Profile.load(HARD), leaf_skills(task.skills), task.levels)


@pytest.mark.slow
def test_planning_pays_on_the_hard_profile(hard: Dynamics) -> None:
    """The best plan is 0.17 above the best constant, and that far above uniform.

    PPO's best run ends at 0.586 (``benchmarks/results/ppo.jsonl``), ascent without heat at 0.552.
    """
    plan, constant = search_plan(hard, STEPS), search_constant(hard, STEPS)
    even = np.full(plan.shares.shape, 1 / plan.shares[0].size)
    assert plan.value >= max(constant.value + 0.15, 0.62)
    assert constant.value >= float(value_of(hard, STEPS, even)) + 0.02
    assert plan.shares.sum(axis=2)[:, -5:].max() < 0.05  # the traps are not taught


def test_how_the_steps_are_cut_does_not_matter_on_the_hard_profile(hard: Dynamics) -> None:
    cells = hard.start.shape
    shares = np.random.default_rng(0).dirichlet(np.full(np.prod(cells), 0.1), 10)
    plan = shares.reshape(10, *cells)
    cut = value_of(hard, (50.0,) * 50, np.repeat(plan, 5, axis=0))
    assert cut == pytest.approx(float(value_of(hard, STEPS, plan)), abs=1e-3)


def test_the_hard_profile_that_ships_is_the_one_that_is_made() -> None:
    assert Profile.load(HARD) == hard_profile()
    learnable = learnable_skills("simulated", {"profile": "hard"})
    assert set(learnable).isdisjoint(TRAPS)
    assert learnable != learnable_skills("simulated")
