"""Bandits: indices and weights derived by hand, and worlds in which forgetting pays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from teachgym.agents.bandits.bandit import Bandit, best_arms
from teachgym.agents.bandits.epsilon_greedy import EpsilonGreedy
from teachgym.agents.bandits.exp3 import EXP3, EXP3S, exp3_probabilities
from teachgym.agents.bandits.linucb import LinUCB, linear_bounds
from teachgym.agents.bandits.thompson import Thompson, posterior
from teachgym.agents.bandits.ucb import UCB1, XI, DiscountedUCB, SlidingWindowUCB, upper_bounds
from teachgym.errors import ConfigError

NO_CONTEXT = np.empty((2, 0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def play(bandit: Bandit, *rounds: tuple[int, float]) -> None:
    for arm, reward in rounds:
        bandit.update(np.array([arm]), np.array([reward]))


def test_the_best_arms_are_distinct_until_all_have_been_taken() -> None:
    assert best_arms(np.array([0.1, 0.9, np.inf]), 5, rng()).tolist() == [2, 1, 0, 2, 1]


def test_ties_are_broken_at_random() -> None:
    firsts = {int(best_arms(np.zeros(3), 1, rng(seed))[0]) for seed in range(30)}
    assert firsts == {0, 1, 2}


def test_epsilon_greedy_moves_values_by_its_step_size() -> None:
    """From 1 with step 1/2 and rewards 0, 1: 1 -> 0.5 -> 0.75."""
    bandit = EpsilonGreedy(2, rng(), step_size=0.5, initial=1.0)
    play(bandit, (0, 0.0), (0, 1.0))
    assert bandit.values.tolist() == [0.75, 1.0]


def test_epsilon_is_the_share_of_random_slots() -> None:
    """With two arms a random slot is wrong half the time, so epsilon 0.4 errs in 0.2 of them."""
    bandit = EpsilonGreedy(2, rng(), epsilon=0.4)
    play(bandit, *[(0, 0.0)] * 10)
    picks = np.concatenate([bandit.select(1, NO_CONTEXT) for _ in range(4000)])
    assert (picks == 0).mean() == pytest.approx(0.2, abs=0.02)


def test_ucb1_index() -> None:
    """Means 1/2 of 4 plays and 4/5 of 1: the bonus is sqrt(2 ln 5 / n).

    ln 5 = 1.609438, so 0.5 + sqrt(0.804719) = 1.397061 and 0.8 + sqrt(3.218876) = 2.594123.
    """
    index = upper_bounds(np.array([2.0, 0.8]), np.array([4.0, 1.0]), 2**0.5)
    np.testing.assert_allclose(index, [1.397061, 2.594123], rtol=1e-6)


def test_discounted_counts_and_the_d_ucb_index() -> None:
    """Discount 1/2; arm 0 pays 1 and 0, then arm 1 pays 1.

    Counts: 1, 1.5, then 0.75 and 1; sums: 1, 0.5, then 0.25 and 1. With xi = 0.6 the bonus is
    2 sqrt(0.6 ln 1.75 / count): ln 1.75 = 0.559616, so 1/3 + 2 sqrt(0.447693) and
    1 + 2 sqrt(0.335770).
    """
    bandit = DiscountedUCB(2, rng(), discount=0.5)
    play(bandit, (0, 1.0), (0, 0.0), (1, 1.0))
    assert bandit.totals.tolist() == [[0.25, 1.0], [0.75, 1.0]]
    index = upper_bounds(*bandit.totals, bandit.width)
    np.testing.assert_allclose(index, [1.671531, 2.158913], rtol=1e-6)


def test_the_sliding_window_forgets_its_oldest_round() -> None:
    """Without a bonus, arm 0's 1 makes it the best until two later rounds push it out."""
    bandit = SlidingWindowUCB(2, rng(), window=3, width=0)
    play(bandit, (0, 1.0), (1, 0.4))
    assert bandit.select(1, NO_CONTEXT).tolist() == [0]
    play(bandit, (0, 0.0), (1, 0.4))
    assert bandit.select(1, NO_CONTEXT).tolist() == [1]


@pytest.mark.parametrize("make", [UCB1, DiscountedUCB, SlidingWindowUCB])
def test_optimists_try_every_arm_first(make: Callable[..., Bandit]) -> None:
    bandit = make(5, rng())
    tried: set[int] = set()
    for _ in range(5):
        arms = bandit.select(1, np.empty((5, 0)))
        tried |= set(arms.tolist())
        bandit.update(arms, np.ones(1))
    assert tried == set(range(5))


def test_a_total_below_one_gives_no_bonus_instead_of_nan() -> None:
    assert upper_bounds(np.array([0.1]), np.array([0.2]), 1.0).tolist() == [0.5]


def test_the_gaussian_posterior() -> None:
    """Prior N(1/2, 1/2), noise 1/2, two rewards that sum to 2: precision 4 + 2 / 0.25 = 12.

    Mean (0.5 * 4 + 2 * 4) / 12 = 10/12; standard deviation 1 / sqrt(12).
    """
    mean, sd = posterior(np.array([2.0]), np.array([2.0]), prior=(0.5, 0.5), noise=0.5)
    assert mean[0] == pytest.approx(10 / 12)
    assert sd[0] == pytest.approx(12**-0.5)


def test_thompson_plays_an_arm_as_often_as_it_is_likely_to_be_the_best() -> None:
    """Posteriors N(0.5, 0.1^2) and N(0.6, 0.1^2): P(first > second) = Phi(-1 / sqrt 2) = 0.2398.

    100 rewards of noise 1 and a prior that is nearly flat leave a standard deviation of 0.1.
    """
    bandit = Thompson(2, rng(), noise=1.0, prior=(0.0, 1000.0))
    bandit.totals = np.array([[50.0, 60.0], [100.0, 100.0]])
    picks = np.concatenate([bandit.select(1, NO_CONTEXT) for _ in range(4000)])
    assert (picks == 0).mean() == pytest.approx(0.2398, abs=0.02)


def test_exp3_weights_after_one_play() -> None:
    """K = 2, gamma = 1/2: p = 1/2, so reward 1 counts 2, and w_0 = exp(1/2 * 2 / 2) = 1.648721.

    Kept relative to the largest: 1 and 0.606531. The next p_0 is 1/2 * 1.648721 / 2.648721 + 1/4.
    """
    bandit = EXP3(2, rng(), gamma=0.5)
    bandit.select(1, NO_CONTEXT)
    play(bandit, (0, 1.0))
    np.testing.assert_allclose(bandit.weights, [1, 0.606531], rtol=1e-5)
    assert exp3_probabilities(bandit.weights, 0.5)[0] == pytest.approx(0.5612297)


def test_exp3s_gives_every_arm_a_share_of_the_total() -> None:
    """As above with alpha = 0.1: both get e * 0.1 / 2 * 2 = 0.271828.

    w = 1.920549 and 1.271828, a ratio of 0.662221.
    """
    bandit = EXP3S(2, rng(), gamma=0.5, alpha=0.1)
    bandit.select(1, NO_CONTEXT)
    play(bandit, (0, 1.0))
    np.testing.assert_allclose(bandit.weights, [1, 0.662221], rtol=1e-5)


def test_exp3_stays_finite_over_many_rounds() -> None:
    bandit = EXP3(3, rng())
    for _ in range(3000):
        arms = bandit.select(2, np.empty((3, 0)))
        bandit.update(arms, (arms == 1).astype(float))
    assert np.isfinite(bandit.weights).all()
    assert exp3_probabilities(bandit.weights, bandit.gamma).argmax() == 1


@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_linucb_agrees_with_ridge_regression(discount: float) -> None:
    """Least squares on the plays, plus rows sqrt(ridge) I with target 0, scaled by their weight."""
    source = rng(1)
    bandit = LinUCB(4, rng(), width=0.0, ridge=0.7, discount=discount)
    rows, targets = [], []
    for _ in range(6):
        contexts = source.normal(size=(4, 3))
        arms, rewards = bandit.select(2, contexts), source.random(2)
        bandit.update(arms, rewards)
        rows = [discount**0.5 * x for x in rows] + list(contexts[arms])
        targets = [discount**0.5 * r for r in targets] + list(rewards)
    ridge_rows = 0.7**0.5 * np.eye(3)
    theta = np.linalg.lstsq(np.vstack([rows, ridge_rows]), [*targets, 0, 0, 0], rcond=None)[0]
    fresh = source.normal(size=(4, 3))
    assert bandit.select(1, fresh)[0] == int(np.argmax(fresh @ theta))
    gram = 0.7 * np.eye(3) + np.array(rows).T @ np.array(rows)
    found = linear_bounds(fresh, gram, np.array(rows).T @ np.array(targets), 0.0)
    np.testing.assert_allclose(found, fresh @ theta)


def test_the_linear_bonus_is_larger_for_unfamiliar_contexts() -> None:
    """A = diag(4, 1): sqrt(x' A^-1 x) is 1/2 along the first axis and 1 along the second."""
    bounds = linear_bounds(np.eye(2), np.diag([4.0, 1.0]), np.array([2.0, 0.0]), width=1.0)
    assert bounds.tolist() == [0.5 + 0.5, 0.0 + 1.0]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: EpsilonGreedy(2, rng(), epsilon=2), "epsilon"),
        (lambda: DiscountedUCB(2, rng(), discount=1.1), "discount"),
        (lambda: UCB1(2, rng(), width=-1), "width"),
        (lambda: SlidingWindowUCB(2, rng(), window=0), "window"),
        (lambda: Thompson(2, rng(), noise=0), "noise"),
        (lambda: Thompson(2, rng(), prior=(0.5, 0)), r"prior\[1\]"),
        (lambda: EXP3(2, rng(), gamma=0), "gamma"),
        (lambda: EXP3S(2, rng(), alpha=float("nan")), "alpha"),
        (lambda: LinUCB(2, rng(), ridge=0), "ridge"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Bandit], name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is .*; it must be"):
        make()


def late_reward(make: Callable[[np.random.Generator], Bandit], seed: int) -> float:
    """Mean reward after the change: arm 0 pays 0.9 for 500 rounds, then 0.1; arm 1 pays 0.5."""
    world, bandit = rng(1000 + seed), make(rng(seed))
    late = []
    for t in range(1000):
        arms = bandit.select(1, NO_CONTEXT)
        chances = [0.9 if t < 500 else 0.1, 0.5]
        reward = float(world.random() < chances[arms[0]])
        bandit.update(arms, np.array([reward]))
        late.append(reward if t >= 500 else math.nan)
    return float(np.nanmean(late))


def test_forgetting_pays_when_the_best_arm_changes() -> None:
    """With the published widths; the discount is the paper's 1 - 1 / (4 sqrt(T))."""
    makers: dict[str, Callable[[np.random.Generator], Bandit]] = {
        "ucb1": lambda r: UCB1(2, r),
        "discounted": lambda r: DiscountedUCB(2, r, discount=1 - 1 / (4 * 1000**0.5)),
        "window": lambda r: SlidingWindowUCB(2, r, window=100, width=XI**0.5),
        "thompson": lambda r: Thompson(2, r, discount=0.99, noise=0.5, prior=(0.5, 0.5)),
        "epsilon": lambda r: EpsilonGreedy(2, r, step_size=0.05),
    }
    reward = {n: np.mean([late_reward(m, s) for s in range(3)]) for n, m in makers.items()}
    for name in ("discounted", "window", "thompson", "epsilon"):
        assert reward[name] > reward["ucb1"] + 0.1, reward


def test_exp3s_follows_a_change_that_exp3_does_not() -> None:
    plain = np.mean([late_reward(lambda r: EXP3(2, r, gamma=0.1), s) for s in range(3)])
    sharing = np.mean(
        [late_reward(lambda r: EXP3S(2, r, gamma=0.1, alpha=1 / 1000), s) for s in range(3)]
    )
    assert sharing > plain + 0.1, (plain, sharing)
