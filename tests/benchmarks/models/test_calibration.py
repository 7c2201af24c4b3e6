"""Fitting a profile to curves: of a simulated student, whose true profile is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from teachgym.benchmarks.models import calibrate_simulated
from teachgym.benchmarks.models.calibrate_simulated import (
    STEP_SIZES,
    Bench,
    Design,
    Segment,
    always,
    calibrate_to,
    cut,
    designs,
    in_short,
    main,
    measure,
    order_designs,
    plan_designs,
    step_designs,
)
from teachgym.benchmarks.models.calibration import (
    compare,
    estimate_noise,
    find_learnable,
    find_typical,
    fit,
    predict,
    score,
)
from teachgym.benchmarks.models.curves import Curve, Curves, Subject, head
from teachgym.errors import ConfigError
from teachgym.evaluation import GenerateAndGrade
from teachgym.students import make_student
from teachgym.students.dynamics import Dynamics, accuracy, learn
from teachgym.students.profile import Profile, SkillProfile
from teachgym.tasks import make_task
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.training import make_trainer
from teachgym.types import FloatArray

SKILLS = ("known", "new", "built", "hopeless")
LEVELS = (0.0, 1.0)
TRUE = Profile(
    {
        "known": SkillProfile(start=(3.0, 2.0), ceiling=(1.0, 1.0), rate=2.0, forgetting=0.2),
        "new": SkillProfile(start=(-1.0, -2.0), ceiling=(1.0, 0.7), rate=3.0, forgetting=0.05),
        "built": SkillProfile(
            start=(-2.0, -3.0),
            ceiling=(0.9, 0.9),
            rate=4.0,
            forgetting=0.05,
            prerequisites=("new",),
            transfer={"known": 0.3},
        ),
        "hopeless": SkillProfile(start=(-3.0, -4.0), ceiling=(1.0, 1.0), rate=0.0),
    },
    level_transfer=0.3,
    noise=0.0,
)
ITEMS = 1000


SUBJECT = Subject(
    SKILLS,
    LEVELS,
    ITEMS,
    prerequisites=(("built", "new"),),
    links=(("built", "known"), ("known", "built")),
)


def simulate(counts: FloatArray, profile: Profile, seed: int = 0) -> Curves:
    """Curves of the true student: its accuracies, measured on very many items."""
    dynamics = Dynamics.of(profile, SKILLS, LEVELS)
    rng = np.random.default_rng(seed)
    x = np.broadcast_to(dynamics.start, (len(counts), *dynamics.start.shape))
    path = [accuracy(x, dynamics)]
    for run in range(counts.shape[1]):
        x = learn(x, counts[:, run], dynamics, rng.standard_normal(x.shape))
        path.append(accuracy(x, dynamics))
    right = np.round(np.stack(path, axis=1) * ITEMS)
    runs = [1] * counts.shape[1]
    return Curves.of(
        SUBJECT, [Curve(f"random {i}", runs, counts[i], right[i]) for i in range(len(counts))]
    )


def random_counts(sequences: int, runs: int = 4, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(8, 0.4), size=(sequences, runs))
    total = rng.choice([100, 500, 2500], size=(sequences, runs, 1))
    return np.round(weights * total).reshape(sequences, runs, 4, 2)


@pytest.fixture(scope="module")
def curves() -> Curves:
    return simulate(random_counts(60), TRUE)


@pytest.fixture(scope="module")
def fitted(curves: Curves) -> Profile:
    return fit(curves.pick(range(48)))


def test_the_fit_finds_the_parameters_behind_the_curves(fitted: Profile) -> None:
    """Where they matter: rates of skills that move, ceilings that are reached, shared numbers."""
    for name in ("new", "built"):
        found, true = fitted.skills[name], TRUE.skills[name]
        assert found.rate == pytest.approx(true.rate, rel=0.1)
        np.testing.assert_allclose(found.start, true.start, atol=0.15)
    assert fitted.skills["new"].ceiling[1] == pytest.approx(0.7, abs=0.03)
    assert fitted.skills["known"].forgetting == pytest.approx(0.2, abs=0.02)
    assert fitted.skills["hopeless"].rate < 0.02
    assert fitted.skills["built"].transfer["known"] == pytest.approx(0.3, abs=0.06)
    assert fitted.skills["known"].transfer["built"] < 0.1
    assert fitted.skills["built"].prerequisites == ("new",)
    assert fitted.level_transfer == pytest.approx(0.3, abs=0.05)


def test_the_fit_predicts_held_out_curves_better_than_both_references(
    fitted: Profile, curves: Curves
) -> None:
    scores = compare(fitted, curves.pick(range(48)), curves.pick(range(48, 60)))
    assert set(scores) == {"change", "final", "overall"}
    for by_name in scores.values():
        assert by_name["fitted profile"].rmse < 0.02
        assert by_name["fitted profile"].r2 > 0.95
        for reference in ("no change", "mean change"):
            assert by_name[reference].rmse > 2 * by_name["fitted profile"].rmse


def test_a_prediction_is_what_learning_step_by_step_gives() -> None:
    counts = random_counts(1, runs=2)
    dynamics = Dynamics.of(TRUE, SKILLS, LEVELS)
    x = learn(learn(dynamics.start, counts[0, 0], dynamics), counts[0, 1], dynamics)
    path = predict(dynamics, counts)
    assert path.shape == (1, 3, 4, 2)
    np.testing.assert_allclose(path[0, 0], accuracy(dynamics.start, dynamics))
    np.testing.assert_allclose(path[0, 2], accuracy(x, dynamics))


def test_noise_is_estimated_from_repetitions() -> None:
    """200 repetitions of one sequence of one run, so that nothing undoes the luck: 0.3 again."""
    counts = np.repeat(random_counts(1, runs=1), 200, axis=0)
    noisy = simulate(counts, replace(TRUE, noise=0.3))
    assert estimate_noise(TRUE, noisy) == pytest.approx(0.3, rel=0.1)
    assert estimate_noise(TRUE, simulate(counts, TRUE)) < 1e-6
    with pytest.raises(ConfigError, match="repetitions"):
        estimate_noise(TRUE, simulate(random_counts(3), TRUE))


def test_learnable_skills_are_weak_ones_that_a_thousand_examples_lift() -> None:
    """Not ``known`` (no room) and not ``hopeless`` (rate 0); ``built`` once ``new`` is there.

    At first the prerequisite's accuracy is 0.27 and 0.08: up = 4 * 0.27 * (0.65 ** 0.8) = 0.76
    moves level 0 of ``built`` from -2 to 4 - 6 exp(-0.76) = 1.2, a gain of about 0.6.
    """
    assert find_learnable(TRUE, SKILLS, LEVELS) == ("new", "built")


def test_a_skill_of_another_task_is_like_the_typical_learnable_one() -> None:
    """Medians of (1, 2, 6), (0, 0.1, 0.5) and, per level, (-1, -2, -9) and (1, 0, 3)."""
    skills = [
        SkillProfile(start=(-1, 1), ceiling=(1.0,), rate=1, forgetting=0, transfer={"x": 1.0}),
        SkillProfile(start=(-2, 0), ceiling=(0.5,), rate=6, forgetting=0.5),
        SkillProfile(start=(-9, 3), ceiling=(0.9,), rate=2, forgetting=0.1),
    ]
    typical = SkillProfile(start=(-2, 1), ceiling=(0.9,), rate=2, forgetting=0.1)
    assert find_typical(skills) == typical
    assert find_typical([]) == SkillProfile()


def test_scores_by_hand() -> None:
    """Errors 0, 0, 0.3: mean square 0.03; the variance of (0, 0, 0.6) is 0.08."""
    found = score(np.array([0, 0, 0.3]), np.array([0, 0, 0.6]))
    assert found.rmse == pytest.approx(0.03**0.5)
    assert found.r2 == pytest.approx(1 - 0.03 / 0.08)


def write(curves: Curves, path: Path) -> None:
    sequences = zip(curves.designs, curves.runs.tolist(), curves.counts, curves.right, strict=True)
    path.write_text(head(curves.subject) + "".join(Curve(*s).line() for s in sequences))


def test_curves_survive_their_file(curves: Curves, tmp_path: Path) -> None:
    """All but the line at which the measurement was broken off."""
    path = tmp_path / "curves.jsonl"
    write(curves, path)
    with path.open("a") as file:
        file.write('{"design": "unfin')
    again = Curves.load(path)
    np.testing.assert_array_equal(again.counts, curves.counts)
    np.testing.assert_array_equal(again.right, curves.right)
    assert (again.subject, again.designs) == (SUBJECT, curves.designs)


def test_shorter_sequences_end_in_segments_that_were_not_measured() -> None:
    one = Curve("one", [2], np.ones((1, 4, 2)), np.ones((2, 4, 2)))
    two = Curve("two", [1, 1], np.ones((2, 4, 2)), np.ones((3, 4, 2)))
    curves = Curves.of(SUBJECT, [one, two])
    assert curves.runs.tolist() == [[2, 0], [1, 1]]
    assert curves.counts[0, 1].sum() == 0
    assert np.isnan(curves.accuracy[0, 2]).all()
    assert not np.isnan(curves.accuracy[:, :2]).any()
    assert not np.isnan(curves.pick([1]).accuracy).any()


@given(seed=st.integers(0, 1000), runs=st.integers(1, 12))
def test_counts_are_cut_into_runs_of_equal_size(seed: int, runs: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (4, 2)).astype(float)
    parts = list(cut(counts, runs, rng))
    np.testing.assert_array_equal(np.sum(parts, axis=0), counts)
    sizes = [part.sum() for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(part.min() for part in parts) >= 0


@pytest.fixture(scope="module")
def bench() -> Bench:
    task = make_task("arithmetic-and-strings", val_per_cell=2, test_per_cell=1, train_per_cell=1)
    student = make_student("simulated", task)
    return Bench(task, student, make_trainer(student))


def test_sequences_of_training_runs_are_counted_and_leave_the_student_as_it_was(
    bench: Bench,
) -> None:
    """Every cell gets the 6 examples ordered, and what was right is what the report says."""
    untrained = bench.student.save()
    design = Design("even", [Segment(always(np.ones((32, 3)), 6 * 96), runs=2)] * 3)
    first, again = (bench.run(design, np.random.default_rng(1)) for _ in range(2))
    assert bench.student.save() == untrained
    np.testing.assert_array_equal(first.right, again.right)
    np.testing.assert_array_equal(first.counts, np.full((3, 32, 3), 6.0))
    assert (first.design, first.runs) == ("even", [2, 2, 2])
    report = GenerateAndGrade().evaluate(bench.student, bench.task, "val")
    assert first.right.shape == (4, 32, 3)
    assert first.right[0].sum() == report.scores.sum()
    assert first.right[-1].sum() > first.right[0].sum()


def test_a_measurement_that_was_broken_off_goes_on_where_it_was(
    bench: Bench, tmp_path: Path
) -> None:
    plan = [
        Design(name, [Segment(always(np.ones((32, 3)), size))])
        for name, size in (("a", 96), ("b", 192))
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    measure(bench, plan, [0], whole, Console(quiet=True))
    broken.write_text("".join(whole.read_text().splitlines(keepends=True)[:2]))
    measure(bench, plan, [0], broken, Console(quiet=True))
    assert broken.read_text() == whole.read_text()
    assert Curves.load(whole).designs == ("a", "b")
    measure(bench, plan[:1], [0], whole, Console(quiet=True), more=True)
    assert Curves.load(whole).designs == ("a", "b", "a")


@pytest.mark.slow
def test_plans_of_a_profile_spend_a_budget_on_what_it_can_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps of 250 examples, next to none of them for the skill that nothing teaches."""
    assert calibrate_simulated.STEPS == 10
    monkeypatch.setattr(calibrate_simulated, "STEPS", 3)
    plan, constant = plan_designs(TRUE, SKILLS, LEVELS)
    rng, seen = np.random.default_rng(0), np.zeros((4, 2))
    for design in (plan, constant):
        counts = np.stack([segment.mix(seen, rng) for segment in design.segments])
        assert counts.shape == (3, 4, 2)
        np.testing.assert_allclose(counts.sum(axis=(1, 2)), 250, atol=4)
        assert counts[:, SKILLS.index("hopeless")].sum() < 25
    assert {segment.mix(seen, rng).tobytes() for segment in constant.segments} == {
        constant.segments[0].mix(seen, rng).tobytes()
    }


def test_every_skill_is_taught_and_then_left_once_and_some_sequences_are_repeated() -> None:
    first, rng = np.full((28, 3), 0.5), np.random.default_rng(0)
    plan = list(designs(first, repeats=4))
    left = [design for design in plan if design.name == "focus, then leave"]
    for skill, design in enumerate(left):
        taught, after = (design.segments[i].mix(first, rng) for i in (0, -1))
        assert taught[skill].sum() == pytest.approx(500, abs=2)
        assert after[skill].sum() == 0
        assert after.sum() == pytest.approx(1000, abs=42)
    assert len(left) == 28
    assert sum(design.name == "uniform" for design in plan) == 4


def test_the_same_total_is_cut_into_runs_of_each_size() -> None:
    plan = [d for d in step_designs(np.full((28, 3), 0.5), repeats=3) if "uniform" in d.name]
    assert len(plan) == 3 * len(STEP_SIZES)
    for design in plan:
        size = int(design.name.split()[1])
        assert [segment.runs * size for segment in design.segments] == [1000, 1000, 1000]


def test_every_root_is_left_for_another_and_every_composition_taught_with_and_without_parts() -> (
    None
):
    names = [p.name for p in PRIMITIVES]
    plan = Counter(design.name for design in order_designs(names, repeats=1))
    assert plan.pop("taught, then left") == len({p.root for p in PRIMITIVES})
    assert len(plan) == 3
    assert set(plan.values()) == {sum(bool(p.needs) for p in PRIMITIVES)}


def test_another_base_is_fitted_with_the_character_of_the_first(fitted: Profile) -> None:
    """Its own start, and the same character, which a single sequence tells little about."""
    start = {"known": (1.0, 1.0), "new": (0.0, -1.0)}
    skills = {name: replace(s, start=start.get(name, s.start)) for name, s in TRUE.skills.items()}
    own = simulate(random_counts(1, seed=5), replace(TRUE, skills=skills))
    character = replace(fitted, noise=0.1, fit={"sequences": {"fitted": 48}})
    profile, error = calibrate_to(own, character)
    assert profile.noise == 0.1
    np.testing.assert_allclose(profile.skills["known"].start, (1.0, 1.0), atol=0.3)
    assert profile.skills["new"].rate == pytest.approx(fitted.skills["new"].rate, rel=0.3)
    assert abs(error.mean) < 0.03


def test_a_base_is_measured_in_short(bench: Bench) -> None:
    """A constant mix, three of short runs, one of long ones, and every root left for another."""
    names = Counter(design.name for design in in_short(bench, base=3))
    assert names["random, short runs"] == 3
    assert names["uniform, 250 a run"] == names["random"] == 1
    assert names["taught, then left"] == len({own.root for own in PRIMITIVES})


def test_the_command_fits_profiles_and_writes_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.concatenate([random_counts(8), np.repeat(random_counts(1), 2, axis=0)])
    for name in ("curves", "profiles"):
        (tmp_path / name).mkdir()
    write(simulate(counts, replace(TRUE, noise=0.1)), tmp_path / "curves" / "first.jsonl")
    write(simulate(counts[:2], TRUE), tmp_path / "curves" / "4.jsonl")
    options = [p for n in ("curves", "profiles", "note") for p in (f"--{n}", str(tmp_path / n))]
    monkeypatch.setattr("sys.argv", ["calibrate_simulated", "fit", *options])
    main()
    profile = Profile.load(tmp_path / "profiles" / "4.json")
    assert set(profile.skills) == set(SKILLS)
    assert profile.noise > 0
    assert profile.fit["sequences"] == {"fitted": 2, "of the character": 8}
    note = (tmp_path / "note").read_text()
    assert "| final | fitted profile | 0." in note
    assert "| 4 | 2 | 0." in note
