"""The dynamics of simulated students: one step by hand, and the profile they come from."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.students import learnable_skills
from teachgym.students.dynamics import LOST, MASTERED, Dynamics, accuracy, flow, learn, undone
from teachgym.students.profile import FITTED, Profile, SkillProfile
from teachgym.tasks import make_task
from tests.students.profiles import LEVELS, PLAIN, cells, dynamics_of, profile_of

# -- the dynamics by hand --------------------------------------------------------------------


def test_a_thousand_examples_at_rate_one_close_the_gap_to_mastery_by_the_factor_e() -> None:
    """Dose 1, up = 1, nothing forgotten: x' = 4 + (0 - 4) / e in the cell, 0 elsewhere."""
    x = learn(cells(), cells(a0=1000), dynamics_of(PLAIN, PLAIN))
    np.testing.assert_allclose(x, cells(a0=4 - 4 / math.e), atol=1e-12)


@given(
    parts=st.lists(st.floats(1, 400), min_size=1, max_size=8),
    share=st.floats(0, 1),
    forgetting=st.floats(0, 3),
    noise=st.floats(0, 1),
)
def test_a_total_of_one_mix_teaches_the_same_into_however_many_runs_it_is_cut(
    parts: list[float], share: float, forgetting: float, noise: float
) -> None:
    """To rounding, while no prerequisite moves: competences, and the variance of luck.

    Luck of variance v before a run has v e^-2s after it, beside the run's own.
    """
    a = replace(PLAIN, rate=3.0, forgetting=forgetting)
    dynamics = dynamics_of(a, PLAIN, level_transfer=0.3, noise=noise)
    mix = cells(a0=share, b1=1 - share)
    whole, speed = flow(cells(), sum(parts) * mix, dynamics)
    x, total = cells(), sum(parts) / 1000
    variance = np.zeros_like(x)
    for part in parts:
        x, own = flow(x, part * mix, dynamics)
        variance = variance * np.exp(-2 * own) + part / 1000 * undone(own)
    np.testing.assert_allclose(x, whole, atol=1e-9)
    np.testing.assert_allclose(variance, total * undone(speed), atol=1e-9)


@given(cuts=st.integers(2, 20), share=st.floats(0.1, 0.9), rate=st.floats(0, 8))
def test_prerequisites_that_are_learned_meanwhile_change_that_by_the_error_of_integration(
    cuts: int, share: float, rate: float
) -> None:
    dynamics = dynamics_of(
        replace(PLAIN, start=(-2.0, -2.0), rate=rate),
        replace(PLAIN, rate=rate, prerequisites=("a",)),
    )
    counts = 1000 * cells(a0=share, b0=1 - share)
    x = dynamics.start
    for _ in range(cuts):
        x = learn(x, counts / cuts, dynamics)
    once = learn(dynamics.start, counts, dynamics)
    np.testing.assert_allclose(accuracy(x, dynamics), accuracy(once, dynamics), atol=0.01)


def test_luck_within_a_run_is_partly_undone_by_the_run() -> None:
    """Speed 1 over the run: noise 0.5 leaves a variance of 0.25 (1 - e^-2) / 2."""
    dynamics = dynamics_of(PLAIN, PLAIN, noise=0.5)
    expected = learn(cells(), cells(a0=1000), dynamics)[0, 0]
    lucky = learn(cells(), cells(a0=1000), dynamics, np.ones((2, 2)))[0, 0]
    assert lucky - expected == pytest.approx(0.5 * math.sqrt((1 - math.exp(-2)) / 2))


def test_returns_diminish() -> None:
    """Each further 1000 examples divide what is missing by e, so they add less and less."""
    x, gains = cells(), []
    for _ in range(4):
        after = learn(x, cells(a0=1000), dynamics_of(PLAIN, PLAIN))
        gains.append(after[0, 0] - x[0, 0])
        x = after
    np.testing.assert_allclose(np.divide(gains[1:], gains[:-1]), 1 / math.e)


def test_examples_of_a_level_count_for_its_neighbour() -> None:
    """Level transfer 0.5: 1000 examples at level 0 are 500 at level 1, x' = 4 - 4 exp(-1/2)."""
    x = learn(cells(), cells(a0=1000), dynamics_of(PLAIN, PLAIN, level_transfer=0.5))
    np.testing.assert_allclose(x[0], [4 - 4 / math.e, 4 - 4 * math.exp(-0.5)])


def test_examples_of_a_linked_skill_count_in_one_direction() -> None:
    """Skill b gets 0.3 of an example of a: x' = 4 - 4 exp(-0.3); a gets nothing from b."""
    dynamics = dynamics_of(PLAIN, replace(PLAIN, transfer={"a": 0.3}))
    assert learn(cells(), cells(a0=1000), dynamics)[1, 0] == pytest.approx(4 - 4 * math.exp(-0.3))
    assert learn(cells(), cells(b0=1000), dynamics)[0, 0] == 0


def test_examples_of_other_skills_make_a_skill_forgotten() -> None:
    """2000 examples of b at forgetting 0.1: down = 0.2, x' = -5 + (0 + 5) exp(-0.2) for a."""
    dynamics = dynamics_of(replace(PLAIN, forgetting=0.1), PLAIN)
    x = learn(cells(), cells(b0=2000), dynamics)
    np.testing.assert_allclose(x[0], -5 + 5 * math.exp(-0.2))


def test_rehearsal_keeps_a_skill_from_being_forgotten() -> None:
    """One of a's examples makes up for 10: 50 for 500 of the others; 20 for 200 of 1000."""
    a = replace(PLAIN, forgetting=0.1, rate=0.0)
    dynamics = dynamics_of(a, PLAIN, rehearsal=10.0)
    assert learn(cells(), cells(a0=50, b0=450), dynamics)[0, 0] == 0
    left = learn(cells(), cells(a0=20, b0=980), dynamics)[0, 0]
    assert left == pytest.approx(-5 + 5 * math.exp(-0.1 * 0.8))


def test_learning_and_forgetting_balance() -> None:
    """500 of a's examples, 500 others: up = 0.5, down = 0.1 * 0.5 = 0.05.

    The goal is (0.5 * 4 - 0.05 * 5) / 0.55 = 3.1818..., approached by exp(-0.55).
    """
    dynamics = dynamics_of(replace(PLAIN, forgetting=0.1), PLAIN)
    goal = 1.75 / 0.55
    x = learn(cells(), cells(a0=500, b0=500), dynamics)
    assert x[0, 0] == pytest.approx(goal - goal * math.exp(-0.55))


def test_a_missing_prerequisite_slows_learning_by_its_accuracy() -> None:
    """Skill b needs a. At x_a = 0 a's accuracy is 1/2, so b's x' = 4 - 4 exp(-1/2)."""
    dynamics = dynamics_of(PLAIN, replace(PLAIN, prerequisites=("a",)))
    counts = cells(b0=1000)
    assert learn(cells(), counts, dynamics)[1, 0] == pytest.approx(4 - 4 * math.exp(-0.5))
    ready = learn(cells(a0=30), counts, dynamics)[1, 0]
    lost = learn(cells(a0=-30), counts, dynamics)[1, 0]
    assert ready == pytest.approx(4 - 4 / math.e)
    assert lost == pytest.approx(0, abs=1e-9)


def test_no_amount_of_training_gets_above_the_ceiling() -> None:
    dynamics = dynamics_of(replace(PLAIN, ceiling=(0.6, 0.3)), PLAIN)
    x = cells()
    for _ in range(50):
        x = learn(x, np.full((2, 2), 1000.0), dynamics)
    sigmoid = 1 / (1 + math.exp(-MASTERED))
    np.testing.assert_allclose(accuracy(x, dynamics)[0], [0.6 * sigmoid, 0.3 * sigmoid])


def test_what_cannot_be_learned_never_improves_whatever_the_noise() -> None:
    dynamics = dynamics_of(replace(PLAIN, rate=0.0, start=(-1.0, -2.0)), PLAIN, noise=1.0)
    rng = np.random.default_rng(0)
    x = dynamics.start
    for _ in range(20):
        x = learn(x, np.full((2, 2), 500.0), dynamics, rng.standard_normal((2, 2)))
    np.testing.assert_array_equal(x[0], [-1.0, -2.0])


def test_no_examples_change_nothing_even_with_noise() -> None:
    dynamics = dynamics_of(PLAIN, PLAIN, noise=1.0)
    x = cells(1, 2, 3, 4)
    np.testing.assert_array_equal(learn(x, cells(), dynamics, np.ones((2, 2))), x)


def test_noise_grows_with_the_root_of_the_examples() -> None:
    """Where nothing pulls, 0.2 per root of 1000 examples: 0.1 after 250, 0.4 after 4000."""
    dynamics = dynamics_of(PLAIN, PLAIN, noise=0.2)
    for examples, deviation in ((250, 0.1), (4000, 0.4)):
        x = learn(cells(), cells(a0=examples), dynamics, np.ones((2, 2)))
        np.testing.assert_allclose(x[1], deviation)


@given(
    x=st.floats(LOST, MASTERED),
    own=st.floats(0, 5000),
    others=st.floats(0, 5000),
    rate=st.floats(0, 20),
    forgetting=st.floats(0, 5),
)
def test_competence_stays_between_lost_and_mastered_and_own_examples_never_hurt(
    x: float, own: float, others: float, rate: float, forgetting: float
) -> None:
    a = replace(PLAIN, rate=rate, forgetting=forgetting)
    dynamics = dynamics_of(a, PLAIN)
    start = cells(a0=x)
    after = learn(start, cells(a0=own, b0=others), dynamics)[0, 0]
    assert LOST - 1e-9 <= after <= MASTERED + 1e-9
    assert after >= learn(start, cells(b0=others), dynamics)[0, 0] - 1e-9
    if others == 0:
        assert after >= x - 1e-9


def test_many_students_learn_at_once_as_each_does_alone() -> None:
    dynamics = dynamics_of(replace(PLAIN, forgetting=0.1), replace(PLAIN, prerequisites=("a",)))
    rng = np.random.default_rng(0)
    x, counts = rng.normal(size=(5, 2, 2)), rng.uniform(0, 500, size=(5, 2, 2))
    together = learn(x, counts, dynamics)
    alone = [learn(one, few, dynamics) for one, few in zip(x, counts, strict=True)]
    np.testing.assert_allclose(together, alone)


# -- the profile -----------------------------------------------------------------------------


def test_a_profile_survives_its_file(tmp_path: Path) -> None:
    profile = profile_of(
        replace(PLAIN, transfer={"b": 0.25}, prerequisites=("b",)), PLAIN, learnable=("a",)
    )
    profile.dump(tmp_path / "profile.json")
    assert Profile.load(tmp_path / "profile.json") == profile
    Profile().dump(tmp_path / "empty.json")
    assert Profile.load(tmp_path / "empty.json") == Profile()


def test_levels_between_those_of_the_profile_are_interpolated() -> None:
    """(0, -2) given at difficulties 0 and 1 is -1 at 0.5."""
    profile = Profile({"a": replace(PLAIN, start=(0.0, -2.0))})
    dynamics = Dynamics.of(profile, ("a",), (0.0, 0.5, 1.0))
    np.testing.assert_allclose(dynamics.start, [[0.0, -1.0, -2.0]])


def test_skills_the_profile_does_not_know_are_like_its_default() -> None:
    profile = Profile({"a": PLAIN}, default=replace(PLAIN, rate=7.0))
    assert Dynamics.of(profile, ("a", "z"), LEVELS).rate.tolist() == [[1.0], [7.0]]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("ceiling", (0.0,), r"ceiling\[0\] is 0.0; it must be in \(0, 1\]"),
        ("rate", -1.0, r"rate is -1.0; it must be 0 or more"),
        ("forgetting", math.nan, "forgetting is nan"),
        ("transfer", {"b": 2.0}, r"transfer\.b is 2.0; it must be in \[0, 1\]"),
        ("start", (), "at least one"),
    ],
)
def test_bad_numbers_of_a_skill_are_refused(setting: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SkillProfile(**{setting: value})


@pytest.mark.parametrize(("setting", "value"), [("level_transfer", 1.5), ("noise", -0.1)])
def test_bad_numbers_of_a_profile_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}"):
        Profile(**{setting: value})  # type: ignore[arg-type]


def test_a_bad_profile_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.json cannot be read: No such file"):
        Profile.load(tmp_path / "nowhere.json")
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"skills": {"a": {"rat": 1}}}))
    with pytest.raises(ConfigError, match="Did you mean 'rate'"):
        Profile.load(path)
    path.write_text(json.dumps({"version": 0}))
    with pytest.raises(ConfigError, match=r"version 0\. Known: 1"):
        Profile.load(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        Profile.load(path)


def test_the_shipped_profile_fits_the_shipped_task() -> None:
    profile = Profile.load(FITTED / "0.json")
    task = make_task("arithmetic-and-strings")
    leaves = {skill.name for skill in task.skills if skill.parent is not None}
    assert set(profile.skills) == leaves
    assert set(learnable_skills("simulated", {})) == set(profile.learnable) < leaves
    assert profile.learnable
