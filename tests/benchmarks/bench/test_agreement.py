"""Whether two benches rank their arms alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from teachgym.benchmarks.bench.agreement import agreement
from teachgym.benchmarks.bench.outcomes import Outcome, Outcomes
from teachgym.errors import ConfigError


def runs(scores: Mapping[str, Sequence[float]]) -> Outcomes:
    """Outcomes by arm and seed that have a final test accuracy and nothing else."""
    return {
        (arm, seed): Outcome(score) for arm, own in scores.items() for seed, score in enumerate(own)
    }


def test_it_is_the_rank_correlation_of_the_arms_that_both_have_run() -> None:
    """Mean ranks 1 2 3 against 1 3 2: rho = 1 - 6 * 2 / (3 * 8) = 0.5."""
    ours = runs({"x": [0.0, 0.2], "y": [0.2, 0.2], "z": [0.3, 0.3], "only here": [9.0]})
    theirs = runs({"x": [0.5, 0.5], "y": [0.9, 0.9], "z": [0.8, 0.6], "only there": [0.0]})
    found = agreement(ours, theirs)
    assert (found.rho.value, found.n_arms, found.n_seeds) == (pytest.approx(0.5), 3, 2)
    assert math.isnan(found.rho.low)  # Two seeds are too few for an interval.
    assert str(found) == "0.50 over 3 arms and 2 shared seeds"


def test_seeds_that_an_arm_has_not_finished_do_not_count() -> None:
    """By the first seed alone the ranks are equal; the second would reverse them."""
    ours = runs({"x": [0.1, 0.9], "y": [0.2, 0.1], "z": [0.3]})
    found = agreement(ours, runs({"x": [0.4, 0.0], "y": [0.5, 0.0], "z": [0.6, 0.0]}))
    assert (found.rho.value, found.n_seeds) == (pytest.approx(1.0), 1)


def test_arms_can_be_left_out() -> None:
    """Last in both, and the other three reversed: differences 0, 2, 0, 2, so 1 - 6 * 8 / 60."""
    ours = runs({"no-data": [0.0], "x": [0.1], "y": [0.2], "z": [0.3]})
    theirs = runs({"no-data": [0.0], "x": [0.3], "y": [0.2], "z": [0.1]})
    assert agreement(ours, theirs).rho.value == pytest.approx(0.2)
    assert agreement(ours, theirs, ["no-data"]).rho.value == pytest.approx(-1.0)


def test_an_interval_is_wide_where_seeds_disagree_and_closes_where_they_do_not() -> None:
    means = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    noise = np.random.default_rng(0).normal(size=(2, len(means), 8))

    def bench(which: int, scale: float) -> Outcomes:
        own = means[:, None] + scale * noise[which]
        return runs({f"arm {i}": row.tolist() for i, row in enumerate(own)})

    sure = agreement(bench(0, 1e-6), bench(1, 1e-6)).rho
    assert (sure.low, sure.value, sure.high) == pytest.approx((1.0, 1.0, 1.0))
    unsure = agreement(bench(0, 0.4), bench(1, 0.4)).rho
    assert -1 <= unsure.low < unsure.value < unsure.high <= 1
    assert unsure.high - unsure.low > 0.5


def test_resamples_in_which_all_arms_are_equal_are_left_out() -> None:
    """Of six seeds three tell no arms apart, and so does one in 64 resamples."""
    rising = {
        name: [0.5] * 3 + [height] * 3 for name, height in zip("xyz", (0.1, 0.2, 0.3), strict=True)
    }
    rho = agreement(runs(rising), runs({"x": [0.1] * 6, "y": [0.2] * 6, "z": [0.3] * 6})).rho
    assert (rho.low, rho.value, rho.high) == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize("arms", [0, 1, 2])
def test_fewer_than_three_arms_are_not_correlated(arms: int) -> None:
    """Two arms always agree or disagree fully."""
    scores = {f"arm {i}": [0.1 * i] for i in range(arms)}
    with pytest.raises(ConfigError, match=f"share {arms} arms .* at least 3"):
        agreement(runs(scores), runs(scores))


def test_benches_of_other_seeds_have_no_runs_to_compare() -> None:
    ours = runs({"x": [0.1], "y": [0.2], "z": [0.3]})
    theirs = {(arm, seed + 20): run for (arm, seed), run in ours.items()}
    with pytest.raises(ConfigError, match="no seed that all of them have in both"):
        agreement(ours, theirs)
