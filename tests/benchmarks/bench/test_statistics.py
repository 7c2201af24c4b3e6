"""Statistics of runs: by hand, against scipy and rliable, and on data whose truth is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from teachgym.benchmarks.bench.statistics import (
    Interval,
    bootstrap,
    compare_paired,
    draw_resamples,
    holm,
    improvement,
    interquartile_mean,
    probability_of_improvement,
    profile,
    rank_sets,
    ratio,
    seeds_needed,
    share_of_room,
    tail_probability,
)
from teachgym.errors import ConfigError


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end() -> None:
    """Of 8 scores the middle four: (2 + 3 + 4 + 5) / 4; rows are taken one by one."""
    scores = np.array([-100.0, 0.0, 2.0, 3.0, 4.0, 5.0, 9.0, 800.0])
    assert interquartile_mean(scores) == 3.5
    assert interquartile_mean(scores.reshape(2, 4)).tolist() == [1.0, 7.0]


def test_the_profile_is_the_share_of_runs_above_each_threshold() -> None:
    """Three of four scores are above 0.15, and 0.8 is not above itself."""
    shares = profile(np.array([0.2, 0.1, 0.8, 0.3]), [0.0, 0.15, 0.5, 0.8], _rng())
    assert [share.value for share in shares] == [1.0, 0.75, 0.25, 0.0]


def test_a_share_of_the_room_is_a_ratio_of_mean_differences() -> None:
    """Floors 0, ceilings 1 and 3, scores 0.5 and 1.5: half of the way, whatever is resampled.

    What never varies has no interval. With scores of 0.5 and 3 it lies between the two shares.
    """
    floor, ceiling = [0.0] * 6, [1.0, 3.0] * 3
    found = share_of_room([0.5, 1.5] * 3, floor, ceiling, np.random.default_rng(0))
    assert found is not None
    assert found.show(2) == "0.50"
    varied = share_of_room([0.5, 3.0] * 3, floor, ceiling, np.random.default_rng(0))
    assert varied is not None
    assert varied.value == pytest.approx(3.5 / 4)
    assert 0.5 <= varied.low < varied.value < varied.high <= 1.0


def test_a_share_of_no_room_is_not_told() -> None:
    """Ceilings that are above the floor in half of the seeds only; too few seeds to know."""
    rng = np.random.default_rng(0)
    assert share_of_room([0.5] * 6, [0.0] * 6, [1.0, -1.0] * 3, rng) is None
    assert share_of_room([0.5], [0.0], [1.0], rng) is None


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(-0.5, 1.5))
def test_the_interval_of_a_share_covers_it_where_room_is_large(seed: int, share: float) -> None:
    """In nearly all of the cases; here it must not be off by more than its own width."""
    rng = np.random.default_rng(seed)
    low, high = rng.normal(0, 0.1, 20), rng.normal(1, 0.1, 20)
    found = share_of_room(share + rng.normal(0, 0.1, 20), low, high, rng)
    assert found is not None
    width = found.high - found.low
    assert found.low - width < share < found.high + width


def test_the_probability_of_improvement_is_mann_whitneys() -> None:
    first, second = _rng(1).normal(size=12), _rng(2).normal(size=9)
    u = stats.mannwhitneyu(first, second).statistic
    assert probability_of_improvement(first, second) == pytest.approx(u / (12 * 9))
    assert probability_of_improvement(first, first) == 0.5


def test_the_paired_test_is_scipys() -> None:
    first = _rng(1).normal(0.1, 0.2, size=10)
    second = _rng(2).normal(size=10)
    mine, theirs = compare_paired(first.tolist(), second.tolist()), stats.ttest_rel(first, second)
    assert mine.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert (mine.interval.low, mine.interval.high) == (pytest.approx(low), pytest.approx(high))


def test_what_cannot_be_tested_says_so() -> None:
    single = compare_paired([0.5], [0.3])
    assert math.isnan(single.p)
    assert single.interval.high == math.inf
    assert math.isnan(compare_paired([1.0, 2.0], [0.5, 1.5]).p), "equal differences, unknown spread"
    assert compare_paired([1.0, 2.0], [1.0, 2.0]).p == 1.0
    with pytest.raises(ConfigError, match="cannot be paired"):
        compare_paired([1.0], [1.0, 2.0])


def test_holms_method_steps_down_and_keeps_what_was_not_tested() -> None:
    """Sorted .01 .02 .04 times 4, 3, 2 (the nan counts): .04, .06, .08."""
    adjusted = holm({"a": 0.02, "b": math.nan, "c": 0.01, "d": 0.04})
    assert adjusted["a"] == pytest.approx(0.06)
    assert adjusted["c"] == pytest.approx(0.04)
    assert adjusted["d"] == pytest.approx(0.08)
    assert math.isnan(adjusted["b"])
    assert list(adjusted) == ["a", "b", "c", "d"]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holms_method_keeps_the_order_and_never_makes_a_value_smaller(
    p_values: dict[str, float],
) -> None:
    adjusted = holm(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1 for name in p_values)
    ranked = sorted(p_values, key=lambda name: p_values[name])
    assert all(adjusted[a] <= adjusted[b] for a, b in pairwise(ranked))


def test_the_number_of_seeds_is_the_one_of_the_tables() -> None:
    """Cohen's d = 0.5 at 80 % power needs 34 pairs, d = 1 needs 10, d = 0.2 needs 199."""
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(-0.02, 0.02) == 10
    assert seeds_needed(0.2, 1.0) == 199
    with pytest.raises(ConfigError, match="effect 0"):
        seeds_needed(0, 1.0)


def test_places_are_certain_when_every_seed_agrees_and_shared_when_equal() -> None:
    """Of two equal methods neither is before the other, so both may be first or second."""
    noise = [_rng(number).normal(0, 0.1, 8) for number in range(2)]
    low, high = np.arange(8.0), np.arange(8.0) + 9 + noise[0]
    sets = rank_sets({"low": low + noise[1], "high": high, "same": high}, _rng())
    assert sets == {"low": (3, 3), "high": (1, 2), "same": (1, 2)}


def test_a_difference_without_spread_decides_no_place() -> None:
    base = np.arange(6.0)
    assert rank_sets({"a": base, "b": base + 9}, _rng()) == {"a": (1, 2), "b": (1, 2)}


@pytest.mark.parametrize("n_runs", [6, 20])
def test_all_places_of_equal_methods_are_covered_at_once(n_runs: int) -> None:
    """21 equal methods: in 200 benches a place is excluded in 5 of 100, +- 3 (two errors), at most.

    The first of them would have been called the best with a chance of 0.41 by resampled means.
    """
    rng = _rng(1)
    excluded = 0
    for _ in range(200):
        seeds = rng.normal(0, 1, n_runs)  # What a seed does to all of them.
        scores = {str(arm): seeds + rng.normal(0, 0.5, n_runs) for arm in range(21)}
        sets = rank_sets(scores, rng, resamples=200)
        excluded += any(places != (1, 21) for places in sets.values())
    assert excluded / 200 <= 0.08


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Normal scores: 95 % intervals of the paired mean and of the middle cover 93 to 97 of 100."""
    rng, n = _rng(0), 1000
    tested = (compare_paired(rng.normal(0.3, 1, 10), np.zeros(10)).interval for _ in range(n))
    assert 0.93 < sum(i.low <= 0.3 <= i.high for i in tested) / n < 0.97
    samples, draws = rng.normal(size=(n, 20)), _rng(1)
    drawn = (bootstrap(scores, interquartile_mean, draws) for scores in samples)
    assert 0.93 < sum(i.low <= 0.0 <= i.high for i in drawn) / n < 0.97


def test_of_five_runs_there_are_all_resamples_and_of_more_a_draw() -> None:
    """5^5 = 3,125, of which the five that repeat one run have the most extreme means."""
    rng = np.random.default_rng(0)
    places = draw_resamples(5, rng)
    assert len(np.unique(places, axis=0)) == len(places) == 3125
    assert draw_resamples(6, rng, 70).shape == (70, 6)
    scores = np.array([0.0, 1.0, 2.0, 3.0, 10.0])
    known = bootstrap(scores, lambda x: x.mean(axis=-1), np.random.default_rng(1))
    assert known == bootstrap(scores, lambda x: x.mean(axis=-1), np.random.default_rng(2))
    # 0.00095 of 3,124 gaps are 2.97: nearly the fourth lowest mean. Lower is 0, then five of 0.2.
    assert known.low == pytest.approx(0.2)


def test_intervals_of_weighed_runs_are_of_all_resamples_of_five_too() -> None:
    """As above: 0.2 for ratios to 1, and nothing hangs on a draw."""
    scores, ones = np.array([0.0, 1.0, 2.0, 3.0, 10.0]), np.ones(5)
    assert ratio(scores, ones, _rng()).low == pytest.approx(0.2)
    for found in (
        lambda rng: ratio(scores, ones, rng),
        lambda rng: profile(scores, [0.5, 2.5], rng),
        lambda rng: improvement(scores, 2.5 * ones, rng, paired=True),
    ):
        assert found(_rng(1)) == found(_rng(2))


def test_few_runs_have_no_interval_and_draw_nothing() -> None:
    """Four runs: the generator is where it was, so that other arms keep their resamples."""
    rng = _rng()
    found = bootstrap(np.arange(4.0), interquartile_mean, rng)
    assert (found.value, math.isnan(found.low)) == (1.5, True)
    assert rng.random() == _rng().random()


def test_bounds_that_round_to_zero_are_not_shown_as_negative() -> None:
    assert Interval(-1e-6, -1e-5, 0.0).show(2) == "0.00 [0.00, 0.00]"
    assert compare_paired([0.5, 0.50002], [0.5, 0.50003]).show().startswith("+0.0000 [")


def test_few_runs_have_wider_intervals_than_plain_percentiles() -> None:
    """Five runs: sqrt(5/4) * 2.776 = 3.104 standard normal errors, so 0.00095 at each end."""
    assert tail_probability(5) == pytest.approx(0.00095, abs=2e-5)
    assert tail_probability(10**6) == pytest.approx(0.025, abs=1e-4)


def test_rliable_agrees() -> None:
    pytest.importorskip("rliable")
    from rliable import metrics

    scores, others = _rng(3).random(10), _rng(4).random(10)
    assert interquartile_mean(scores) == pytest.approx(metrics.aggregate_iqm(scores[:, None]))
    assert probability_of_improvement(scores, others) == pytest.approx(
        metrics.probability_of_improvement(scores[:, None], others[:, None])
    )
