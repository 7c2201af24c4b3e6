"""When students learned: by hand."""

from __future__ import annotations

import math

import pytest

from teachgym.benchmarks.pages.dynamics import describe_curves
from teachgym.errors import ConfigError


def test_early_and_late_gains_are_those_of_the_halves() -> None:
    """Means 0, .3, .5, .4, .6 over four steps: .5 by step 2, .1 after it, 5 of 6 parts early."""
    found = describe_curves([[0.0, 0.2, 0.4, 0.4, 0.6], [0.0, 0.4, 0.6, 0.4, 0.6]])
    assert (found.steps, found.highest) == (4, 4)
    assert found.early.mean == pytest.approx(0.5)
    assert found.late.mean == pytest.approx(0.1)
    assert found.share == pytest.approx(5 / 6)


def test_the_halves_of_each_run_have_standard_errors() -> None:
    """Early gains of 0.4 and 0.6: deviation 0.1 sqrt(2), over sqrt(2) runs = 0.1."""
    found = describe_curves([[0.0, 0.4, 0.4], [0.0, 0.6, 0.6]])
    assert found.early.stderr == pytest.approx(0.1)
    assert found.late.mean == found.late.stderr == 0.0
    assert math.isnan(describe_curves([[0.0, 0.4, 0.4]]).early.stderr)


def test_an_odd_number_of_steps_is_halved_in_the_middle_of_one() -> None:
    """Half way from 0.2 to 0.4 at step 1.5 is 0.3."""
    assert describe_curves([[0.0, 0.2, 0.4, 0.5]]).early.mean == pytest.approx(0.3)


def test_a_curve_that_falls_again_is_highest_before_its_end() -> None:
    """Up 0.4 and down 0.2: twice the final gain was there by half."""
    found = describe_curves([[0.1, 0.3, 0.5, 0.4, 0.3]])
    assert found.highest == 2
    assert found.share == pytest.approx(2.0)


def test_without_a_gain_there_is_no_share_of_it() -> None:
    assert describe_curves([[0.5, 0.4, 0.5]]).share is None
    assert describe_curves([[0.5, 0.6, 0.4]]).share is None


def test_curves_end_where_the_shortest_does() -> None:
    found = describe_curves([[0.0, 0.1, 0.2], [0.0, 0.3, 0.4, 0.9, 1.0]])
    assert found.steps == 2
    assert found.late.mean == pytest.approx(0.1)


def test_a_run_without_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one step"):
        describe_curves([[0.5]])
