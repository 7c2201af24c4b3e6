"""Teacher-student curriculum learning: slopes and preferences derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.agents.curricula.tscl import Naive, Online, Sampling, Window, prefer, slope
from teachgym.errors import ConfigError

NAMES = ("a", "b")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scores(*rows: tuple[float, float]) -> list[np.ndarray]:
    return [np.array(row) for row in rows]


def test_the_slope_is_that_of_least_squares() -> None:
    """Scores 0, 0.1, 0.5 at steps -1, 0, 1: (0.5 - 0) / 2 = 0.25; numpy's fit agrees."""
    shown = scores((0.0, 0.3), (0.1, 0.2), (0.5, 0.1))
    np.testing.assert_allclose(slope(shown), [0.25, -0.1])
    np.testing.assert_allclose(slope(shown), np.polyfit([0, 1, 2], np.array(shown), 1)[0])
    assert slope(shown[:1]).tolist() == [1, 1]


def test_the_steepest_arm_gets_what_exploration_leaves() -> None:
    """By size: -0.3 is steeper than 0.2. 0.9 + 0.1 / 2 and 0.1 / 2."""
    np.testing.assert_allclose(prefer(np.array([0.2, -0.3]), 0.1, 0, rng()), [0.05, 0.95])


def test_boltzmann_prefers_by_the_exponential_of_the_size() -> None:
    """exp(0) : exp(ln 3) at a temperature of 0.1: 1/4 and 3/4; a fifth of it uniform: 0.3, 0.7."""
    slopes = np.array([0.0, -0.1 * np.log(3)])
    np.testing.assert_allclose(prefer(slopes, 0, 0.1, rng()), [0.25, 0.75])
    np.testing.assert_allclose(prefer(slopes, 0.2, 0.1, rng()), [0.3, 0.7])


def test_ties_are_broken_at_random() -> None:
    firsts = {int(prefer(np.zeros(3), 0, 0, rng(seed)).argmax()) for seed in range(30)}
    assert firsts == {0, 1, 2}


def test_online_values_move_towards_the_latest_change() -> None:
    """Changes (0.2, 0) and (0, -0.4) at a rate of 1/2: (0.1, 0), then (0.05, -0.2)."""
    rule = Online(NAMES, rng(), rate=0.5, epsilon=0)
    values = []
    for shown in scores((0.1, 0.5), (0.3, 0.5), (0.3, 0.1)):
        shares = rule.plan(shown)
        values.append(rule.values.tolist())
    np.testing.assert_allclose(values, [[0, 0], [0.1, 0], [0.05, -0.2]])
    assert shares.tolist() == [0, 1]


def test_naive_keeps_its_mixture_for_a_window_and_then_moves_by_the_slope() -> None:
    """Scores 0.1, 0.1, 0.3 of the first arm: slope 0.1, at a rate of 1/2 a value of 0.05."""
    rule = Naive(NAMES, rng(), window=2, rate=0.5, epsilon=0)
    first, second, third = map(rule.plan, scores((0.1, 0.5), (0.1, 0.5), (0.3, 0.5)))
    assert first.tolist() == second.tolist()
    np.testing.assert_allclose(rule.values, [0.05, 0])
    assert third.tolist() == [1, 0]


def test_a_window_forgets_what_is_older() -> None:
    """Of 0, 0.5, 0.5 only the last two count: the first arm is flat, the second falls by 0.1."""
    rule = Window(NAMES, rng(), window=2, epsilon=0)
    for shown in scores((0.0, 0.9), (0.5, 0.9), (0.5, 0.8)):
        shares = rule.plan(shown)
    assert shares.tolist() == [0, 1]


def test_sampling_draws_each_arms_value_from_its_latest_changes() -> None:
    """Changes (0.3, 0.1) and (0, 0.2): the first arm wins where it draws 0.3, one time in two."""
    first = []
    for seed in range(200):
        rule = Sampling(NAMES, rng(seed), epsilon=0)
        for shown in scores((0.0, 0.0), (0.3, 0.1), (0.3, 0.3)):
            shares = rule.plan(shown)
        first.append(shares[0])
    assert np.mean(first) == pytest.approx(0.5, abs=0.1)


def test_sampling_remembers_a_window() -> None:
    rule = Sampling(NAMES, rng(), window=1, epsilon=0)
    for shown in scores((0.0, 0.0), (0.3, 0.1), (0.3, 0.3)):
        shares = rule.plan(shown)
    assert shares.tolist() == [0, 1]


@pytest.mark.parametrize("make", [Naive, Window])
def test_a_window_of_one_score_has_no_slope(make: type[Naive | Window]) -> None:
    with pytest.raises(ConfigError, match="window is 1; it must be 2 or more"):
        make(NAMES, rng(), window=1)
