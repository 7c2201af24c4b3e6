"""Measures of runs, by hand."""

from __future__ import annotations

import math

import pytest

from teachgym.benchmarks.bench.measures import (
    Measures,
    backward_transfer,
    forgetting,
    held_out_gain,
    restricted_mean,
    time_to,
    worst_change,
    worst_skill,
)
from teachgym.benchmarks.bench.outcomes import Outcome
from teachgym.benchmarks.pages.measures import find_times, measure_rows
from teachgym.types import Score


def test_a_mean_over_fewer_runs_than_its_arm_has_says_so() -> None:
    """Backward transfer is known of one run of two, the area of both."""
    runs = {
        seed: Outcome(0.5, curve=(0.0, 0.5), examples_by_step=(9,), measures=own)
        for seed, own in enumerate((Measures(0.25, 0.1), Measures(0.25)))
    }
    shown = dict(zip(*measure_rows({"a": runs}, "a"), strict=True))
    assert shown["arm"] == "a (n=2)"
    assert shown["area"] == "0.2500 ± 0.0000"
    assert shown["backward transfer"] == "+0.1000 (n=1)"


def scores(**means: float) -> dict[str, Score]:
    return {name: Score(4, mean, 0.1) for name, mean in means.items()}


def test_backward_transfer_is_the_change_since_a_skill_was_taught_last() -> None:
    """a: 0.2 - 0.5 since step 1, b: 0.9 - 0.6 since step 2, c to the end, d never: mean 0."""
    curves = {
        "a": [0.0, 0.5, 0.4, 0.2],
        "b": [0.1, 0.1, 0.6, 0.9],
        "c": [0.0, 0.0, 0.0, 1.0],
        "d": [0.5, 0.4, 0.3, 0.2],
    }
    taught = {"a": [3, 0, 0], "b": [1, 1, 0], "c": [0, 0, 4], "d": [0, 0, 0]}
    assert backward_transfer(curves, taught) == pytest.approx(0.0)
    assert math.isnan(backward_transfer(curves, {"c": [4, 4, 4]}))
    assert math.isnan(backward_transfer({}, taught))


def test_forgetting_is_the_fall_from_the_best_and_never_below_nothing() -> None:
    """A fell by 0.3, b by 0: mean 0.15; a rise is no negative fall."""
    assert forgetting({"a": [0.0, 0.5, 0.2], "b": [0.0, 0.4, 0.9]}) == pytest.approx(0.15)
    assert math.isnan(forgetting({}))


def test_the_worst_skill_and_the_worst_change_need_not_be_of_one_skill() -> None:
    before = {**scores(a=0.1, b=0.9), "c": Score.nothing()}
    after = {**scores(a=0.2, b=0.6), "c": Score.nothing()}
    assert worst_skill(after) == 0.2
    assert worst_change(before, after) == pytest.approx(-0.3)
    assert math.isnan(worst_skill({}))
    assert math.isnan(worst_change({}, {}))


def test_held_out_is_what_val_does_not_know() -> None:
    """B gains 0.1, c 0.3; a is known."""
    before, after = scores(a=0.0, b=0.2, c=0.3), scores(a=1.0, b=0.3, c=0.6)
    assert held_out_gain(before, after, scores(a=0.5)) == pytest.approx(0.2)
    assert math.isnan(held_out_gain(before, after, before))


def test_times_that_never_come_count_as_the_horizon() -> None:
    """90 examples, never, and 0 for one that begins above: (90 + 300 + 0) / 3 = 130."""
    curve, examples = [0.1, 0.2, 0.4], [50, 40]
    times = [time_to(curve, examples, threshold) for threshold in (0.3, 0.5, 0.1)]
    assert times == [90, math.inf, 0]
    mean = restricted_mean(times, 300)
    assert (mean.n, mean.mean) == (3, 130)


def test_examples_to_a_share_are_those_to_the_ceiling_s_gain_with_the_same_seed() -> None:
    """Gains of 0.1, 0.5 and none: thresholds 0.18 and 0.5, reached after 10 and 20 examples."""

    def run(*curve: float) -> Outcome:
        return Outcome(curve[-1], curve=curve, examples_by_step=(10, 10))

    planned = {0: run(0.1, 0.15, 0.2), 1: run(0.1, 0.3, 0.6), 2: run(0.3, 0.3, 0.3)}
    mine = {0: run(0.1, 0.19, 0.2), 1: run(0.1, 0.2, 0.5), 2: run(0.3, 0.9, 0.9)}
    slow = {1: run(0.1, 0.2, 0.4)}
    times = find_times({"planned": planned, "mine": mine, "slow": slow}, "planned")
    assert times == {
        "planned": "20 ± 0 (2 of 2)",
        "mine": "15 ± 5 (2 of 2)",
        "slow": "20 (0 of 1)",
    }
    assert find_times({"planned": {2: planned[2]}, "mine": mine}, "planned") == {}
