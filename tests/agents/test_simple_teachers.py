"""``uniform``, ``fixed``, ``oracle``, ``weakest`` and ``alp``: actions derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from teachgym.agents.context import Cells
from teachgym.agents.dirichlet import Dirichlet
from teachgym.agents.fixed import Fixed
from teachgym.agents.oracle import Oracle
from teachgym.agents.planned import BestConstant, Planned
from teachgym.agents.progress.alp import LearningProgress, significant_change
from teachgym.agents.uniform import Uniform
from teachgym.agents.weakest import Weakest
from teachgym.errors import ConfigError, UnknownSkillError
from teachgym.types import Scores
from tests.agents.worlds import list_observation, transition

CELLS = Cells(("add", "sort"), (0.0, 1.0))
START = list_observation([[0.5, 0.5], [0.0, 1.0]])


def test_uniform_divides_the_step_equally() -> None:
    assert Uniform(CELLS).act(START).tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_fixed_plays_its_mixtures_in_turn_and_repeats_the_last() -> None:
    teacher = Fixed(CELLS, mixtures=[{"sort": 1}, [1, 3], [[0, 0], [0, 2]]])
    actions = [teacher.act(START).tolist() for _ in range(4)]
    assert actions == [
        [[0, 0], [0.5, 0.5]],
        [[0.125, 0.125], [0.375, 0.375]],
        [[0, 0], [0, 1]],
        [[0, 0], [0, 1]],
    ]
    teacher.reset(0)
    assert teacher.act(START).tolist() == actions[0]


@pytest.mark.parametrize(
    ("mixtures", "message"),
    [
        ([], "mixtures is empty"),
        ([[1, 2, 3]], r"shape \(3, 1\); it must be \(2,\) or \(2, 2\)"),
        ([[1, -1]], "must have weights >= 0"),
        ([[0, 0]], "at least one above 0"),
        ([[1, float("nan")]], "must have weights >= 0"),
        (["add"], "not an array of numbers"),
    ],
)
def test_fixed_refuses_a_bad_mixture(mixtures: list[Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Fixed(CELLS, mixtures=mixtures)


def test_a_plan_is_followed_and_an_allocation_kept() -> None:
    plan = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]])
    teacher = Planned(CELLS, plan=plan)
    assert [teacher.act(START).tolist() for _ in range(2)] == [
        [[1, 0], [0, 0]],
        [[0, 0], [0.5, 0.5]],
    ]
    constant = BestConstant(CELLS, allocation=plan[1])
    assert [constant.act(START).tolist() for _ in range(2)] == [[[0, 0], [0.5, 0.5]]] * 2


def test_dirichlet_draws_at_reset_and_keeps_what_it_drew() -> None:
    """The mean over seeds is equal shares; a large concentration is near to them every time."""
    teacher = Dirichlet(CELLS)
    drawn = []
    for seed in range(400):
        teacher.reset(seed)
        drawn.append(teacher.act(START))
        np.testing.assert_array_equal(teacher.act(START), drawn[-1])
        assert drawn[-1].sum() == pytest.approx(1)
    np.testing.assert_allclose(np.mean(drawn, axis=0), 0.25, atol=0.04)
    assert np.std(drawn) > 0.1
    np.testing.assert_allclose(Dirichlet(CELLS, concentration=1e6).act(START), 0.25, atol=0.01)
    with pytest.raises(ConfigError, match="concentration is 0"):
        Dirichlet(CELLS, concentration=0)


def test_a_wrong_skill_name_is_answered_with_a_suggestion() -> None:
    with pytest.raises(UnknownSkillError, match="Did you mean 'sort'"):
        Fixed(CELLS, mixtures=[{"sorts": 1}])
    with pytest.raises(UnknownSkillError, match="Did you mean 'sort'"):
        Oracle(CELLS, learnable=["sorts"])


def test_oracle_puts_its_focus_on_the_errors_of_the_learnable_skills() -> None:
    """Sort errs 1 at the first level and 0 at the second; 0.2 is spread over four cells."""
    action = Oracle(CELLS, learnable=["sort"]).act(START)
    np.testing.assert_allclose(action, [[0.05, 0.05], [0.85, 0.05]], rtol=1e-6)


def test_oracle_keeps_to_the_learnable_skills_once_they_are_mastered() -> None:
    action = Oracle(CELLS, learnable=["add"], focus=1).act(list_observation([[1, 1], [0, 0]]))
    assert action.tolist() == [[0.5, 0.5], [0, 0]]


@pytest.mark.parametrize("learnable", [[], "add"])
def test_oracle_needs_a_list_of_skills(learnable: Any) -> None:
    with pytest.raises(ConfigError, match="give a list of at least one skill name"):
        Oracle(CELLS, learnable=learnable)


@pytest.mark.parametrize(
    ("power", "expected"),
    [(0, [0.25, 0.25, 0.25, 0.25]), (1, [0.25, 0.25, 0.5, 0]), (2, [1 / 6, 1 / 6, 2 / 3, 0])],
)
def test_weakest_is_proportional_to_a_power_of_the_error(
    power: float, expected: list[float]
) -> None:
    """Errors 1/2, 1/2, 1, 0; squared 1/4, 1/4, 1, 0."""
    np.testing.assert_allclose(Weakest(CELLS, power=power).act(START).ravel(), expected, rtol=1e-6)


def test_weakest_with_top_teaches_only_the_worst_cells() -> None:
    assert Weakest(CELLS, power=0, top=2).act(START).tolist() == [[0.5, 0], [0.5, 0]]


@pytest.mark.parametrize("settings", [{"power": -1}, {"top": 0}, {"top": 5}])
def test_weakest_refuses_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="it must be"):
        Weakest(CELLS, **settings)


def test_learning_progress_decays_and_counts_forgetting() -> None:
    """Add moves by 0.2 and then by -0.4, sort by 0 and 0.2; memory 1/2.

    The first value is taken as it is: (0.2, 0). Then (0.1 + 0.2, 0 + 0.1) = (0.3, 0.1), so the
    shares without exploration are 3/4 and 1/4, half of each per level.
    """
    teacher = LearningProgress(CELLS, memory=0.5, exploration=0)
    steps = [list_observation([[a, a], [b, b]]) for a, b in [(0.5, 0), (0.7, 0), (0.3, 0.2)]]
    teacher.observe(transition(steps[0], steps[1]))
    np.testing.assert_allclose(teacher.progress, [0.2, 0], atol=1e-6)
    teacher.observe(transition(steps[1], steps[2]))
    np.testing.assert_allclose(teacher.progress, [0.3, 0.1], atol=1e-6)
    expected = [[0.375, 0.375], [0.125, 0.125]]
    np.testing.assert_allclose(teacher.act(steps[2]), expected, rtol=1e-5)


def test_learning_progress_keeps_what_it_knows_of_skills_that_are_not_measured() -> None:
    teacher = LearningProgress(CELLS)
    hidden = list_observation([[0, 0], [0, 0]], 0)
    teacher.observe(transition(START, list_observation([[0.9, 0.9], [0.0, 1.0]])))
    before = teacher.progress.copy()
    teacher.observe(transition(START, hidden))
    assert teacher.progress.tolist() == before.tolist()


def test_learning_progress_is_uniform_while_nothing_moves() -> None:
    teacher = LearningProgress(CELLS)
    teacher.observe(transition(START, START))
    assert teacher.act(START).tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_the_noise_floor_is_the_mean_difference_of_two_equal_measurements() -> None:
    """sqrt(2 / pi) sqrt(0.03^2 + 0.04^2) = 0.0399; checked against 100,000 pairs as well."""
    before = Scores(np.array([30.0]), np.array([0.5]), np.array([0.03]))
    after = Scores(np.array([30.0]), np.array([0.6]), np.array([0.04]))
    floor = (2 / np.pi) ** 0.5 * 0.05
    assert significant_change(before, after, 1.0)[0] == pytest.approx(0.1 - floor)
    assert significant_change(before, after, 3.0)[0] == 0
    rng = np.random.default_rng(0)
    pairs = np.abs(rng.normal(0, 0.03, 100_000) - rng.normal(0, 0.04, 100_000))
    assert pairs.mean() == pytest.approx(floor, rel=0.02)
