"""What a point costs: by hand, and honest where there may be no gain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.bench.statistics import Interval, ratio
from teachgym.benchmarks.pages.costs import cost_per_point, show_price

RNG = np.random.default_rng


def test_a_price_is_a_ratio_of_means() -> None:
    """Mean spending 200 over a mean gain of 0.04 = 4 points: 50 each.

    The mean of the two prices, 100 / 2 and 300 / 6, is 50 too, so a third run sets them apart:
    800 for 1 point makes 1200 / 9 points, not the mean of 50, 50 and 800.
    """
    assert cost_per_point(np.array([100.0, 300.0]), np.array([0.02, 0.06]), RNG(0)).value == (
        pytest.approx(50.0)
    )
    third = cost_per_point(np.array([100.0, 300.0, 800.0]), np.array([0.02, 0.06, 0.01]), RNG(0))
    assert third.value == pytest.approx(1200 / 9)


def test_equal_runs_leave_no_doubt() -> None:
    """10 examples for a point each time: the interval has no width."""
    price = cost_per_point(np.full(6, 10.0), np.full(6, 0.01), RNG(0))
    assert (price.value, price.low, price.high) == pytest.approx((10.0, 10.0, 10.0))


def test_a_gain_that_may_be_none_has_no_highest_price() -> None:
    """Gains of +0.1 and -0.08, three each: one resample in 64 has losses only, as many gains only.

    Its lower end is that of the best resample, 100 for 10 points.
    """
    price = cost_per_point(np.full(6, 100.0), np.array([0.1, -0.08] * 3), RNG(0))
    assert price.value == pytest.approx(100.0)
    assert price.low == pytest.approx(10.0)
    assert price.high == math.inf
    assert show_price(price) == "100, at least 10"


def test_a_loss_has_no_price_at_all() -> None:
    price = cost_per_point(np.full(6, 100.0), np.array([-0.01, -0.02, -0.03] * 2), RNG(0))
    assert (price.value, price.low, price.high) == (math.inf, math.inf, math.inf)
    assert show_price(price) == "no gain"


def test_a_loss_that_may_be_a_gain_has_a_lowest_price() -> None:
    """Mean gain -0.01; the best resample gains 0.08 = 8 points for 100."""
    price = cost_per_point(np.full(6, 100.0), np.array([0.08, -0.1] * 3), RNG(0))
    assert show_price(price) == "no gain, at least 12.5"


@pytest.mark.parametrize("n_runs", [1, 4])
def test_few_runs_have_a_price_without_interval(n_runs: int) -> None:
    price = cost_per_point(np.full(n_runs, 100.0), np.full(n_runs, 0.04), RNG(0))
    assert price.value == pytest.approx(25.0)
    assert math.isnan(price.low)
    assert math.isnan(price.high)
    assert show_price(price) == "25"


def test_prices_are_shown_with_three_digits_or_more() -> None:
    assert show_price(Interval(12_345.6, 0.00123, 2.0)) == "12,346 [0.00123, 2]"


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 10)), min_size=5, max_size=8))
def test_a_ratio_of_means_stays_between_those_of_single_runs(
    runs: list[tuple[float, float]],
) -> None:
    """A mediant lies between its fractions, in every resample too."""
    x, y = np.array([a for a, _ in runs]), np.array([b for _, b in runs])
    found = ratio(x, y, RNG(0))
    least, most = (x / y).min() - 1e-9, (x / y).max() + 1e-9
    assert least <= found.low <= found.high <= most
    assert least <= found.value <= most


@given(st.integers(0, 50))
def test_intervals_are_reproducible(seed: int) -> None:
    spent, gains = np.arange(1.0, 7.0), np.array([0.01, 0.05, 0.02, 0.03, 0.01, 0.04])
    assert cost_per_point(spent, gains, RNG(seed)) == cost_per_point(spent, gains, RNG(seed))
