"""Published rules: shares derived by hand from their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.agents.curricula.adarft import AdaptiveDifficulty
from teachgym.agents.curricula.ddk import DomainKnowledgeDistillation
from teachgym.agents.curricula.dump import DistributionCurriculum
from teachgym.agents.curricula.excess_loss import ExcessLoss
from teachgym.agents.curricula.expected_utility import ExpectedUtility
from teachgym.agents.curricula.odm import OnlineDataMixing, exploration
from teachgym.agents.curricula.plr import PrioritizedLevelReplay, rank_shares
from teachgym.agents.curricula.procurl import ProximalCurriculum
from teachgym.agents.curricula.rule import Learnability, Rule, softmax
from teachgym.agents.curricula.sec import SelfEvolvingCurriculum
from teachgym.agents.curricula.skill_it import SkillIt
from teachgym.agents.curricula.tscl import Naive, Online, Sampling, Window
from teachgym.errors import ConfigError, UnknownSkillError

RULES: list[Callable[..., Rule]] = [
    *(Online, Naive, Window, Sampling, PrioritizedLevelReplay, ProximalCurriculum),
    *(SelfEvolvingCurriculum, DistributionCurriculum, AdaptiveDifficulty),
    *(OnlineDataMixing, SkillIt, ExcessLoss, DomainKnowledgeDistillation, ExpectedUtility),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def plans(rule: Rule, *shown: tuple[float, ...]) -> list[list[float]]:
    return [rule.plan(np.array(row)).tolist() for row in shown]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("make", RULES)
@settings(max_examples=10)
@given(
    seed=st.integers(0, 9),
    shown=st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=6),
)
def test_every_rule_divides_a_step_and_a_seed_repeats_it(
    make: Callable[..., Rule], seed: int, shown: list[tuple[float, ...]]
) -> None:
    names = ("a", "b", "c")
    once = plans(make(names, rng(seed)), *shown)
    assert all(min(row) >= 0 and math.isclose(sum(row), 1, abs_tol=1e-9) for row in once)
    assert once == plans(make(names, rng(seed)), *shown)


def test_softmax_at_a_temperature() -> None:
    """exp(0) : exp(ln 3) at 1; at 0 the largest only."""
    np.testing.assert_allclose(softmax(np.array([0.0, math.log(3)])), [0.25, 0.75])
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4])), [0.5, 0.5])


def test_learnability_is_the_size_of_the_gain_or_of_the_advantage() -> None:
    """2 sqrt(0.5 0.5) = 1, 2 sqrt(0.2 0.8) = 0.8; nobody learns from what always fails.

    The mean size over ten thousand graded answers agrees.
    """
    gain, advantage = Learnability("gain"), Learnability("advantage")
    shown = [np.array([0.5, 0.2, 0.0]), np.array([0.4, 0.5, 0.0])]
    np.testing.assert_allclose([gain(p) for p in shown], [[0, 0, 0], [0.1, 0.3, 0]])
    np.testing.assert_allclose(advantage(shown[0]), [1, 0.8, 0])
    answers = (rng().random(10_000) < 0.2).astype(float)
    sizes = np.abs(answers - answers.mean()) / answers.std()
    assert sizes.mean() == pytest.approx(0.8, abs=0.02)


def test_replay_prefers_ranks_and_what_waited() -> None:
    """Scores 0.1, 0.4, unseen, 0.2: ranks 3, 1, 2 at a temperature of 1: 1/3, 1, 1/2 over 11/6.

    So 2/11, 6/11, 3/11 by score. Waited for 3, 0, 1 draws: 3/4, 0, 1/4. With a staleness of 0.2:
    0.2 3/4 + 0.8 2/11 and so on; the unseen arm is not replayed.
    """
    rule = PrioritizedLevelReplay(tuple("abcd"), rng(), temperature=1, staleness=0.2)
    rule.scores = np.array([0.1, 0.4, 0.0, 0.2])
    rule.seen = np.array([True, True, False, True])
    rule.unplayed = np.array([3.0, 0, 9, 1])
    expected = [0.15 + 1.6 / 11, 4.8 / 11, 0, 0.05 + 2.4 / 11]
    np.testing.assert_allclose(rule.replay_shares(), expected)
    sharp = rank_shares(np.array([0.3, 0.1]), 0.1, rng())
    np.testing.assert_allclose(sharp, [1024 / 1025, 1 / 1025])


def test_replay_starts_with_new_arms_and_scores_those_it_trained() -> None:
    """Nothing seen: both arms are new, and a draw of one slot trains one of them.

    Its score is the size of its change, 0.3; the other one's change of 0.2 is none of its doing.
    """
    rule = PrioritizedLevelReplay(("a", "b"), rng(), slots=1)
    first = int(rule.plan(np.array([0.5, 0.5])).argmax())
    moved = np.array([0.5, 0.5])
    moved[first], moved[1 - first] = 0.2, 0.7
    rule.plan(moved)
    assert rule.scores[first] == pytest.approx(0.3)
    assert rule.scores[1 - first] == 0
    assert rule.seen.tolist().count(True) == 1


def test_the_proximal_curriculum_prefers_an_even_chance() -> None:
    """The products p (1 - p) are 0, 0.25, 0.16: exp(0), exp(5), exp(3.2) at a beta of 20."""
    weights = np.exp([0, 5, 3.2])
    found = plans(ProximalCurriculum(tuple("abc"), rng()), (1.0, 0.5, 0.2))
    np.testing.assert_allclose(found, [weights / weights.sum()])
    """A student that gets 0.8 at best: p (0.8 - p) is 0.15 and 0.16."""
    best = plans(ProximalCurriculum(("a", "b"), rng(), best=0.8, beta=1), (0.5, 0.4))
    np.testing.assert_allclose(best, [softmax(np.array([0.15, 0.16]))])


def test_the_self_evolving_curriculum_averages_what_is_learned() -> None:
    """Gains 0, then (0.2, 0), then (0, 0.4) at a rate of 1/2: Q is (0.1, 0), then (0.05, 0.2)."""
    rule = SelfEvolvingCurriculum(("a", "b"), rng(), temperature=0.1)
    found = plans(rule, (0.1, 0.5), (0.3, 0.5), (0.3, 0.1))
    np.testing.assert_allclose(rule.values, [0.05, 0.2])
    np.testing.assert_allclose(found[0], [0.5, 0.5])
    np.testing.assert_allclose(found[2], softmax(np.array([0.5, 2])))


def test_bounds_fall_with_the_samples_of_an_arm() -> None:
    """One sample per arm and step: after an equal step both have 1 of 2.

    The bonus is sqrt(2 ln 3 / 2) = 1.0481 for both, and the learnability, over two evaluations of
    which the first showed none, is (0.1, 0) / 2.
    """
    rule = DistributionCurriculum(("a", "b"), rng(), temperature=1, samples=1)
    found = plans(rule, (0.1, 0.5), (0.2, 0.5))
    np.testing.assert_allclose(found[1], softmax(np.array([0.05, 0.0])))
    rule.counts = np.array([3.0, 0.0])
    bonus = [math.sqrt(2 * math.log(4) / 4), math.sqrt(2 * math.log(4))]
    (third,) = plans(rule, (0.2, 0.5))
    np.testing.assert_allclose(third, softmax(np.array([0.1 / 3, 0.0]) + bonus))


def test_the_target_difficulty_follows_success() -> None:
    """Difficulties 0.1, 0.5, 0.9 of the untrained student; one arm is taught at a time.

    T = 0: the first arm, whose accuracy is 0.9; T rises by tanh(2 (0.9 - 0.5)) / 2 = 0.332: the
    second, now at 0.2; T falls by tanh(0.6) / 2 = 0.2685 to 0.0635: the first again.
    """
    rule = AdaptiveDifficulty(tuple("abc"), rng())
    found = plans(rule, (0.9, 0.5, 0.1), (0.9, 0.2, 0.1), (0.9, 0.2, 0.1))
    assert found == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert rule.difficulty == pytest.approx((math.tanh(0.8) - math.tanh(0.6)) / 2)


def test_the_exploration_of_data_mixing_shrinks_with_turns() -> None:
    """K = 2: sqrt(ln 2 / 2) > 1/2 in turn 1; in turn 8 it is sqrt(ln 2 / 16) = 0.2081."""
    assert exploration(2, 1) == 0.5
    assert exploration(2, 8) == pytest.approx(math.sqrt(math.log(2) / 16))


def test_data_mixing_rewards_a_draw_with_its_loss_over_its_probability() -> None:
    """Turn 1: e = 1/2, so p = 1/2 each; many draws, so both arms are drawn.

    R = (1/2) (loss / 0.5) = loss = (0.8, 0.2). In turn 1 + 800: e_t = sqrt(ln 2 / 1602) = 0.0208,
    e_(t-1) = 1/2: p = (1 - 2 e_t) softmax(0.4, 0.1) + e_t, and the shares are drawn from it.
    """
    rule = OnlineDataMixing(("a", "b"), rng(), slots=800)
    plans(rule, (0.8, 0.2))
    np.testing.assert_allclose(rule.rewards, [0.8, 0.2])
    least = math.sqrt(math.log(2) / 1602)
    expected = (1 - 2 * least) * softmax(np.array([0.4, 0.1])) + least
    (second,) = plans(rule, (0.6, 0.3))
    np.testing.assert_allclose(second, expected, atol=0.06)
    halves = (0.4 + 0.5 * 0.6 / expected[0], 0.1 + 0.5 * 0.3 / expected[1])
    np.testing.assert_allclose(rule.rewards, halves)


def test_skill_it_adds_up_the_losses_of_what_a_skill_helps() -> None:
    """Skill a helps b with weight 1/2. First by the graph alone: a 1.5, b 1.

    Then the losses add up: (0.4, 0.8) + (0.2, 0.6) = (0.6, 1.4), so a has 0.6 + 0.7 and b 1.4;
    with a window of 2 the third mixture has forgotten the first losses.
    """
    rule = SkillIt(("a", "b"), rng(), eta=0.5, window=2, edges={"a": ["b"]})
    found = plans(rule, (0.4, 0.8), (0.2, 0.6), (0.0, 0.2))
    np.testing.assert_allclose(found[0], softmax(np.array([0.75, 0.5])))
    np.testing.assert_allclose(found[1], softmax(np.array([0.65, 0.7])))
    np.testing.assert_allclose(found[2], softmax(np.array([0.3, 0.4])))


def test_excess_loss_multiplies_shares_and_smooths_them() -> None:
    """Excess (ln 3, 0) over the reference, where the second loss is below it: 3/4 and 1/4.

    Smoothed by 0.2: 0.8 3/4 + 0.1 = 0.7 and 0.3. The next step multiplies those: 2.1 : 0.3 is
    7/8 : 1/8, so 0.8 and 0.2.
    """
    reference = {"a": 0.1, "b": 0.5}
    rule = ExcessLoss(("a", "b"), rng(), smoothing=0.2, reference=reference)
    found = plans(rule, *[(0.1 + math.log(3), 0.4)] * 2)
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.8, 0.2]])


def test_ddk_multiplies_shares_by_the_exponential_of_the_ratio_and_smooths_them() -> None:
    """Perplexities 2 and 2 of the student, 1 and 2 of the teacher: ratios 2 and 1.

    At first e^2 : e, the shares e/(1 + e) and 1/(1 + e). Then e^2 : 1 by those and the ratios,
    halved and smoothed: with p = e^2/(e^2 + 1), p/2 + 1/4. With ratios of 1 the third is that,
    halved and smoothed again.
    """
    rule = DomainKnowledgeDistillation(("a", "b"), rng(), reference={"a": 0.0, "b": math.log(2)})
    two, four = math.log(2), math.log(4)
    found = plans(rule, (two, two), (two, two), (0.0, two), (math.log(3), four))
    np.testing.assert_allclose(found[0], [math.e / (1 + math.e), 1 / (1 + math.e)])
    second = math.e**2 / (math.e**2 + 1) / 2 + 1 / 4
    np.testing.assert_allclose(found[1], [second, 1 - second])
    np.testing.assert_allclose(found[2], [second / 2 + 1 / 4, (1 - second) / 2 + 1 / 4])
    third = (second / 2 + 1 / 4) * math.e / (second / 2 * (math.e - 1) + math.e / 4 + 3 / 4)
    np.testing.assert_allclose(found[3][0], third / 2 + 1 / 4)


def test_ddk_with_large_gaps_gives_one_arm_all_that_is_not_smoothed() -> None:
    """e^12 against e^2: the exponential of the ratio overflows, and its share does not.

    Bounded at 3, both are alike; and without smoothing what has lost its share has none left.
    """
    gaps = (12.0, 2.0)
    kept = DomainKnowledgeDistillation(("a", "b"), rng())
    np.testing.assert_allclose(plans(kept, gaps, gaps), [[1, 0], [0.75, 0.25]])
    even = DomainKnowledgeDistillation(("a", "b"), rng(), cap=3.0)
    np.testing.assert_allclose(plans(even, gaps, gaps), [[0.5, 0.5]] * 2)
    lost = DomainKnowledgeDistillation(("a", "b"), rng(), alpha=1)
    np.testing.assert_allclose(plans(lost, gaps, gaps[::-1]), [[1, 0]] * 2)


def test_smoothing_ddk_calms_its_shares() -> None:
    """The paper's ablation: total variation of the shares from step to step, equal losses given."""
    drawn = rng(3).uniform(0, 1, (30, 6))
    moved = []
    for alpha in (0.5, 1.0):
        found = plans(DomainKnowledgeDistillation(tuple("abcdef"), rng(), alpha=alpha), *drawn)
        moved.append(np.abs(np.diff(found, axis=0)).sum())
    assert moved[0] < moved[1]


@pytest.mark.parametrize(
    ("chosen", "given_"),
    [(2, {}), (1, {"misaligned": True}), (0, {"rank": "confidence"})],
    ids=["aligned", "misaligned", "confidence"],
)
def test_expected_utility_teaches_what_its_mental_models_tell_apart_the_most(
    chosen: int, given_: dict[str, Any]
) -> None:
    """At first U is the share of mistakes, so a is taught, and the misaligned teach c.

    a gains 0.2 by that, b nothing and c loses 0.1 without. With the means over arms, 0.2 and -0.05,
    as one more step, teaching changes a by (0.2 + 0.2)/2 and the others by 0.2; the lack of it a
    by -0.05, b by -0.05/2 and c by (-0.1 - 0.05)/2. U is 0.25, 0.225 and 0.275.
    """
    rule = ExpectedUtility(("a", "b", "c"), rng(), **given_)
    first, again = (0.2, 0.5, 0.9), (0.4, 0.5, 0.8)
    (shares,) = plans(rule, first)
    assert shares == ([0, 0, 1] if rule.misaligned else [1, 0, 0])
    if not rule.misaligned:
        (shares,) = plans(rule, again)
        assert np.argmax(shares) == chosen
        found = rule.predict(np.array(again))
        np.testing.assert_allclose(found, [[0.35, 0.475, 0.725], [0.6, 0.7, 1.0]])
        return
    # It has taught c: c changes by -0.1 with it, a by 0.2 and b by 0 without, on average by 0.1.
    without, taught = [0.15, 0.05, 0.1], [-0.1, -0.1, -0.1]
    found = rule_after(rule, again)
    np.testing.assert_allclose(found - np.array(again), [without, taught])


def rule_after(rule: ExpectedUtility, measured: tuple[float, ...]) -> np.ndarray:
    """What it predicts once it has been shown what came of a step."""
    rule.plan(np.array(measured))
    return rule.predict(np.array(measured))


@pytest.mark.parametrize(
    ("make", "given_", "error", "message"),
    [
        (SkillIt, {"edges": {"a": ["c"]}}, UnknownSkillError, "unknown skill 'c'"),
        (ExcessLoss, {"reference": {"c": 1.0}}, UnknownSkillError, "unknown skill 'c'"),
        (ExcessLoss, {"reference": {"a": 1.0}}, ConfigError, "leaves out b"),
        (ExcessLoss, {"reference": -1.0}, ConfigError, "reference"),
        (DomainKnowledgeDistillation, {"reference": {"a": 1.0}}, ConfigError, "leaves out b"),
        (ExpectedUtility, {"rank": "utilty"}, ConfigError, "confidence, random, utility"),
        (ExpectedUtility, {"share": 0.0}, ConfigError, "share is 0.0"),
        (DomainKnowledgeDistillation, {"cap": 0.0}, ConfigError, "cap is 0.0"),
        (DomainKnowledgeDistillation, {"alpha": 1.5}, ConfigError, "alpha is 1.5"),
        (ProximalCurriculum, {"best": 0.0}, ConfigError, r"best is 0.0; it must be in \(0, 1\]"),
        (PrioritizedLevelReplay, {"temperature": 0.0}, ConfigError, "temperature is 0.0"),
        (SelfEvolvingCurriculum, {"signal": "loss"}, ConfigError, "Known: advantage, gain"),
    ],
)
def test_bad_settings_are_refused(
    make: Callable[..., Rule], given_: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(("a", "b"), rng(), **given_)
