"""Tuning: equal trials on seeds that no board uses, the same after an interruption, saved alike."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from teachgym.agents import TEACHERS, require_teacher
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.search import Among, Within, draw_settings, search_space
from teachgym.benchmarks.bench.suites import SUITES, Arm, Suite, make_suite
from teachgym.benchmarks.bench.suites.suite import TUNING_SEED
from teachgym.benchmarks.bench.suites.tuned import read_tuned, tuned_arm
from teachgym.benchmarks.bench.tune import (
    DEFAULTS,
    Trial,
    read_trials,
    save_tuned,
    tuning_suite,
    write_trials,
)
from teachgym.cli import app
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.students.bases import BASES, COMPARED
from teachgym.types import Score
from tests.benchmarks.bench.small_bench import IN_TURN, SMALL

TUNABLE = [
    name
    for name in TEACHERS
    if search_space(name) and name not in ("llm", "llm-best-of-n", "llm-pgkd", "fixed", "trained")
]


def tuned(teacher: str, trials: int = 3, seeds: int = 2) -> Suite:
    """The trials of a teacher, each of seconds."""
    suite = tuning_suite(teacher, trials=trials, seeds=seeds, student="simulated")
    return suite.changed(env_settings=SMALL)


@pytest.mark.parametrize("name", TUNABLE)
def test_whatever_is_drawn_are_settings_of_the_teacher(name: str) -> None:
    space, rng = search_space(name), np.random.default_rng(0)
    for _ in range(20):
        require_teacher(name, draw_settings(space, rng))


def test_ranges_are_those_declared_or_around_the_default() -> None:
    """Power is 1 and has no upper end: 1/5 to 5; top is another rule; memory is a share."""
    assert search_space("weakest") == {"power": Within(0.2, 5.0, log=True)}
    assert search_space("alp")["memory"] == Within(0, 1)
    assert search_space("sec")["signal"] == Among(("gain", "advantage"))
    assert search_space("tscl-window")["window"] == Within(2, 15, log=True, whole=True)
    assert search_space("uniform") == {}


def test_draws_in_the_logarithm_have_their_median_at_the_geometric_mean() -> None:
    """sqrt(0.01 * 1) = 0.1."""
    rng = np.random.default_rng(0)
    drawn = [Within(0.01, 1.0, log=True).draw(rng) for _ in range(2000)]
    assert 0.01 <= min(drawn) <= max(drawn) <= 1
    assert np.median(drawn) == pytest.approx(0.1, rel=0.15)
    whole = {Within(2, 4, whole=True).draw(rng) for _ in range(100)}
    assert whole == {2, 3, 4}


def test_all_teachers_have_as_many_trials_on_the_same_reserved_seeds() -> None:
    suites = [tuning_suite(name, trials=4, seeds=2, student="simulated") for name in TUNABLE]
    assert {len(suite.cells()) for suite in suites} == {8}
    seeds = {cell.config.seed for suite in suites for cell in suite.cells()}
    assert seeds == {TUNING_SEED, TUNING_SEED + 1}
    assert {suite.arms[0].name for suite in suites} == {DEFAULTS}
    assert not any(suite.arms[0].teacher_settings for suite in suites)


def test_trials_have_items_and_bases_on_which_no_board_compares() -> None:
    cells = tuning_suite("plr", trials=2, seeds=3, student="tiny").cells()
    settings = [cell.config.env_settings for cell in cells]
    bases = {own["student_settings"]["base"] for own in settings}
    assert bases == set(range(COMPARED["tiny"], BASES["tiny"]))
    items = {own["task_settings"]["seed"] for own in settings}
    assert items == {TUNING_SEED, TUNING_SEED + 1, TUNING_SEED + 2}
    boards = [cell.config.env_settings for cell in make_suite("tiny").cells()]
    assert not bases & {own["student_settings"]["base"] for own in boards}


def test_more_trials_leave_the_first_ones_as_they_are() -> None:
    few, many = tuned("plr", trials=3).arms, tuned("plr", trials=6).arms
    assert many[:3] == few
    assert len({str(arm.teacher_settings) for arm in many}) == 6


@pytest.mark.parametrize("offset", [TUNING_SEED - 1, TUNING_SEED])
def test_boards_may_not_use_the_seeds_of_tuning(offset: int) -> None:
    """Two seeds from 9,999 on: the second is reserved."""
    with pytest.raises(ConfigError, match=f"those from {TUNING_SEED} on are for tuning"):
        Suite("s", 1, "", (Arm("uniform", "uniform", seed_offset=offset),), seeds=2)
    for name in SUITES:
        assert not make_suite(name).tunes


def test_tuning_may_use_no_others() -> None:
    with pytest.raises(ConfigError, match="and only for it"):
        Suite("s", 1, "", (Arm("uniform", "uniform"),), tunes=True)


@pytest.mark.slow
def test_an_interrupted_search_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    suite = tuned("weakest")
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(run_suite(suite, whole, IN_TURN))
    list(islice(run_suite(suite, halves, IN_TURN), 2))
    assert len(read_trials(suite, halves)) == 2
    list(run_suite(suite, halves, IN_TURN))
    for folder in (whole, halves):
        write_trials(read_trials(suite, folder), folder / "trials.jsonl")
    lines = (whole / "trials.jsonl").read_text()
    assert lines == (halves / "trials.jsonl").read_text()
    records = [json.loads(line) for line in lines.splitlines()]
    assert {r["trial"] for r in records} == {"trial-000", "trial-001", "trial-002"}
    assert [r["val"] for r in records] == sorted((r["val"] for r in records), reverse=True)
    assert {r["seeds"] for r in records} == {2}


def trials_of(suite: Suite, *accuracies: float) -> list[Trial]:
    """Finished trials with the given mean accuracies, best first."""
    found = [
        Trial(arm.name, arm.teacher_settings, Score.of_repetitions([mean] * suite.seeds))
        for arm, mean in zip(suite.arms, accuracies, strict=True)
    ]
    return sorted(found, key=lambda trial: -trial.val.mean)


def test_the_settings_of_the_best_trial_are_saved_with_how_they_were_found(tmp_path: Path) -> None:
    path, suite = tmp_path / "tuned.json", tuned("weakest")
    save_tuned("weakest", suite, trials_of(suite, 0.5, 0.7, 0.6), path)
    entry = read_tuned(path)["weakest"]
    assert entry == {
        "settings": suite.arms[1].teacher_settings,
        "val": 0.7,
        "val_by_default": 0.5,
        "trials": 3,
        "seeds": 2,
        "student": "simulated",
    }
    arm = tuned_arm("weakest", path=path)
    assert (arm.teacher_settings, arm.tuned) == (entry["settings"], True)
    assert tuned_arm("alp", path=path) == Arm("alp", "alp")


def test_teachers_that_were_not_tuned_alike_do_not_share_a_file(tmp_path: Path) -> None:
    path, first, second = tmp_path / "tuned.json", tuned("weakest"), tuned("alp", trials=4)
    save_tuned("weakest", first, trials_of(first, 0.5, 0.7, 0.6), path)
    with pytest.raises(ConfigError, match=r"weakest tuned with trials 3, .* was trials 4, seeds 2"):
        save_tuned("alp", second, trials_of(second, 0.1, 0.2, 0.3, 0.4), path)
    save_tuned("weakest", tuned("weakest", 2), trials_of(tuned("weakest", 2), 0.1, 0.2), path)
    assert read_tuned(path)["weakest"]["trials"] == 2


def test_an_unfinished_search_saves_nothing(tmp_path: Path) -> None:
    suite = tuned("weakest")
    missing = trials_of(replace(suite, arms=suite.arms[:2]), 0.5, 0.6)
    short = trials_of(replace(suite, seeds=1), 0.5, 0.6, 0.7)
    for trials in (missing, short):
        with pytest.raises(ConfigError, match="some trials are not finished"):
            save_tuned("weakest", suite, trials, tmp_path / "tuned.json")
    assert not (tmp_path / "tuned.json").exists()


@pytest.mark.parametrize(
    ("teacher", "error", "message"),
    [
        ("uniform", ConfigError, "'uniform' has no settings to search"),
        ("fixed", ConfigError, "needs mixtures, which cannot be searched"),
        ("llm", ConfigError, "needs chat, which cannot be searched"),
        ("weekest", UnknownNameError, "Did you mean 'weakest'"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    teacher: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tuning_suite(teacher, trials=2, seeds=1, student="simulated")


def test_the_shipped_settings_were_found_alike_and_fit_their_teachers() -> None:
    protocols = set()
    for name, entry in read_tuned().items():
        require_teacher(name, entry["settings"])
        protocols.add((entry["trials"], entry["seeds"], entry["student"]))
    assert len(protocols) <= 1


def test_the_command_searches_shows_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = {"env_settings": {**SMALL, "budget": {"steps": 1, "examples": 40}}}
    original = tuning_suite

    def small(*given: Any, **named: Any) -> Suite:
        return original(*given, **named).changed(**few)

    monkeypatch.setattr("teachgym.benchmarks.bench.tune.tuning_suite", small)
    command = ["tune", "weakest", "--trials=2", "--seeds=1", "--workers=1", "--save=best.json"]
    outcome = CliRunner().invoke(app, command)
    assert outcome.exit_code == 0, outcome.output
    assert "the defaults" in outcome.output
    lines = Path("tune/weakest/trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["stderr"] for line in lines] == [None, None]  # One seed has no error.
    assert json.loads(Path("best.json").read_text())["weakest"]["trials"] == 2
    refused = CliRunner().invoke(app, ["tune", "uniform"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
