"""Strengths by Bradley and Terry, and how well features of systems tell them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.benchmarks.bench.surrogate import Judgement, Surrogate, bradley_terry, judged
from teachgym.errors import ConfigError


def test_strengths_of_two_systems_are_half_the_log_odds() -> None:
    """Of 8 matches the first wins 6; with a quarter more each, log(6.25 / 2.25) / 2."""
    matches = [Judgement(i, 0, 1, float(i < 6)) for i in range(8)]
    expected = math.log(6.25 / 2.25) / 2
    np.testing.assert_allclose(bradley_terry(matches, 2), [expected, -expected], atol=1e-6)
    turned = [Judgement(i, 1, 0, 1 - j.outcome) for i, j in enumerate(matches)]
    np.testing.assert_allclose(bradley_terry(turned, 2), [expected, -expected], atol=1e-6)


def test_who_never_met_are_compared_through_a_third() -> None:
    """Both lose to the third: one in half of its matches, the other in all."""
    matches = [Judgement(i, 0, 2, 0.5) for i in range(20)]
    matches += [Judgement(i, 1, 2, 0.0) for i in range(20)]
    found = bradley_terry(matches, 3)
    assert found[0] > found[1] + 1
    assert abs(found.sum()) < 1e-9


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_likelihood_is_highest_there(seed: int) -> None:
    """At the strengths, expected wins are the wins: the equation of the maximum."""
    rng = np.random.default_rng(seed)
    scores = (rng.random((4, 12)) < rng.random((4, 1))).astype(float)
    found = bradley_terry(judged(scores), 4)
    met = 12 + 0.5 * (1 - np.eye(4)) - 12 * np.eye(4)
    chance = 1 / (1 + np.exp(found[None, :] - found[:, None]))
    wins = np.full((4, 4), 0.25) - 0.25 * np.eye(4)
    for _, a, b, outcome in judged(scores):
        wins[a, b] += outcome
        wins[b, a] += 1 - outcome
    np.testing.assert_allclose((met * chance).sum(axis=1), wins.sum(axis=1), atol=1e-5)


def systems(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Features, of which one tells the accuracy of a system, and scores on 60 items."""
    rng = np.random.default_rng(0)
    features = rng.random((n, 3))
    return features, (rng.random((n, 60)) < 0.2 + 0.6 * features[:, :1]).astype(float)


def test_features_that_tell_rank_systems_that_were_left_out() -> None:
    """Tau above 0.6 where a feature is the accuracy, and about 0 where none is."""
    features, scores = systems()
    strengths = scores.mean(axis=1)
    surrogate = Surrogate(trees=50)
    assert surrogate.check(features, strengths, np.random.default_rng(0)) > 0.6
    noise = np.random.default_rng(1).random(features.shape)
    assert abs(surrogate.check(noise, strengths, np.random.default_rng(0))) < 0.5
    with pytest.raises(ConfigError, match="groups is 16 for 30 systems"):
        surrogate.check(features, strengths, np.random.default_rng(0), groups=16)


def test_tournaments_of_few_matches_have_the_order_of_accuracy() -> None:
    _, scores = systems(6)
    surrogate = Surrogate(tournaments=20, matches=40)
    found = surrogate.strengths(judged(scores), 6, np.random.default_rng(0))
    again = surrogate.strengths(judged(scores), 6, np.random.default_rng(0))
    assert np.array_equal(found, again)
    assert np.argmax(found) == np.argmax(scores.mean(axis=1))
    assert np.argmin(found) == np.argmin(scores.mean(axis=1))
    with pytest.raises(ConfigError, match="no judgements"):
        surrogate.strengths([], 6, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="matches"):
        Surrogate(matches=0)
