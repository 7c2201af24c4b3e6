"""``teachgym bench`` as people use it, and killed as machines do."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_runner import scores
from typer.testing import CliRunner, Result

from teachgym.benchmarks.suites import make_suite
from teachgym.cli import app

BRIEF = ("bench", "smoke", "--arm=alp", "--seeds=1", "--workers=1")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bench(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)


def test_a_dry_run_shows_the_plan_and_runs_nothing(tmp_path: Path) -> None:
    outcome = bench(*BRIEF, "--dry-run")
    assert outcome.exit_code == 0, outcome.output
    assert "2 of 2 runs are left" in outcome.output
    assert not (tmp_path / "bench").exists()


def test_a_bench_is_run_ranked_and_not_run_again(tmp_path: Path) -> None:
    first = bench(*BRIEF)
    assert first.exit_code == 0, first.output
    assert "finished alp/seed_00" in first.output
    table = (tmp_path / "bench" / "smoke" / "leaderboard.md").read_text()
    assert "| uniform (control) | 1 of 1 |" in table
    again = bench(*BRIEF)
    assert "finished alp" not in again.output
    assert (tmp_path / "bench" / "smoke" / "leaderboard.md").read_text() == table
    dry = bench(*BRIEF[:-1], "--seeds=3", "--dry-run")
    assert "4 of 6 runs are left, about" in dry.output


def test_wrong_names_are_answered_with_suggestions() -> None:
    for arguments, said in {
        ("bench", "smok"): "Did you mean 'smoke'",
        ("bench", "smoke", "--arm=alpp"): "Did you mean 'alp'",
    }.items():
        outcome = bench(*arguments)
        assert outcome.exit_code == 2
        assert said in outcome.stderr


@pytest.mark.slow
def test_a_bench_that_is_killed_twenty_times_ends_like_one_that_is_not(tmp_path: Path) -> None:
    suite = make_suite("smoke").narrowed(("alp",), 3)
    command = [sys.executable, "-m", "teachgym.cli", "bench", "smoke", "--arm=alp", "--seeds=3"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, f"--out={whole}"], check=True, capture_output=True)
    moments, kills = random.Random(0), 0
    for _ in range(20):
        process: Any = subprocess.Popen(
            [*command, f"--out={killed}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(0.5, 6.0))
        kills += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert kills > 5
    subprocess.run([*command, f"--out={killed}"], check=True, capture_output=True)
    assert len(scores(suite, killed)) == 6
    assert scores(suite, killed) == scores(suite, whole)
