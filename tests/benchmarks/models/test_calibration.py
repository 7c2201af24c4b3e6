"""Fitting a profile to curves: of a simulated student, whose true profile is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from teachgym.benchmarks.models.calibrate_simulated import REPEATS, RUNS, Bench, designs, main
from teachgym.benchmarks.models.calibration import (
    Curves,
    compare,
    estimate_noise,
    find_learnable,
    find_typical,
    fit,
    predict,
    score,
)
from teachgym.errors import ConfigError
from teachgym.evaluation import GenerateAndGrade
from teachgym.students import make_student
from teachgym.students.dynamics import Dynamics, FloatArray, accuracy, learn
from teachgym.students.profile import Profile, SkillProfile
from teachgym.students.simulated import SimulatedStudent
from teachgym.tasks import make_task
from teachgym.training import make_trainer

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
    saturation=0.8,
    noise=0.0,
)
ITEMS = 1000


def simulate(counts: FloatArray, profile: Profile, seed: int = 0) -> Curves:
    """Curves of the true student: its accuracies, measured on very many items."""
    dynamics = Dynamics.of(profile, SKILLS, LEVELS)
    rng = np.random.default_rng(seed)
    x = np.broadcast_to(dynamics.start, (len(counts), *dynamics.start.shape))
    path = [accuracy(x, dynamics)]
    for run in range(counts.shape[1]):
        x = learn(x, counts[:, run], dynamics, rng)
        path.append(accuracy(x, dynamics))
    return Curves(
        skills=SKILLS,
        levels=LEVELS,
        items=ITEMS,
        counts=counts,
        right=np.round(np.stack(path, axis=1) * ITEMS),
        designs=tuple(f"random {i}" for i in range(len(counts))),
        prerequisites=(("built", "new"),),
        links=(("built", "known"), ("known", "built")),
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
    assert fitted.saturation == pytest.approx(0.8, abs=0.05)


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


def test_curves_survive_their_file(curves: Curves, tmp_path: Path) -> None:
    curves.dump(tmp_path / "curves.json")
    again = Curves.load(tmp_path / "curves.json")
    np.testing.assert_array_equal(again.counts, curves.counts)
    np.testing.assert_array_equal(again.right, curves.right)
    assert (again.skills, again.levels, again.items) == (curves.skills, curves.levels, ITEMS)
    assert (again.designs, again.links) == (curves.designs, curves.links)
    assert again.prerequisites == curves.prerequisites


def test_sequences_of_training_runs_are_counted_and_leave_the_student_as_it_was() -> None:
    """Every cell gets the 3 examples ordered, and what was right is what the report says."""
    task = make_task("arithmetic-and-strings", val_per_cell=2, test_per_cell=1, train_per_cell=1)
    student = make_student("simulated", task)
    assert isinstance(student, SimulatedStudent)
    bench = Bench(task, student, make_trainer(student))
    untrained = student.save()
    first, again = (
        bench.run(lambda run, p, rng: np.full(p.shape, 3.0), np.random.default_rng(1))
        for _ in range(2)
    )
    assert student.save() == untrained
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(first[0], np.full((RUNS, *student.accuracy.shape), 3.0))
    report = GenerateAndGrade().evaluate(student, task, "val")
    assert first[1].shape == (RUNS + 1, *student.accuracy.shape)
    assert first[1][0].sum() == report.scores.sum()
    assert first[1][-1].sum() > first[1][0].sum()


def test_every_skill_is_taught_and_then_left_once_and_some_sequences_are_repeated() -> None:
    first = np.full((28, 3), 0.5)
    plan = [(name, mix) for name, mix in designs(first)]
    left = [mix for name, mix in plan if name == "focus, then leave"]
    rng = np.random.default_rng(0)
    for skill, mix in enumerate(left):
        taught, after = mix(0, first, rng), mix(RUNS - 1, first, rng)
        assert taught[skill].sum() == pytest.approx(500, abs=2)
        assert after[skill].sum() == 0
        assert after.sum() == pytest.approx(1000, abs=42)
    assert len(left) == 28
    assert sum(name == "uniform" for name, _ in plan) == REPEATS


def test_the_command_fits_a_profile_and_writes_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.concatenate([random_counts(8), np.repeat(random_counts(1), 2, axis=0)])
    paths = {name: tmp_path / name for name in ("curves", "profile", "note")}
    simulate(counts, replace(TRUE, noise=0.1)).dump(paths["curves"])
    options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    monkeypatch.setattr("sys.argv", ["calibrate_simulated", "fit", *options])
    main()
    profile = Profile.load(paths["profile"])
    assert set(profile.skills) == set(SKILLS)
    assert profile.noise > 0
    assert profile.fit["sequences"] == {"fitted": 8, "held_out": 2}
    rmse = profile.fit["scores"]["final"]["fitted profile"]["rmse"]
    assert f"| final | fitted profile | {rmse:.4f} |" in paths["note"].read_text()
