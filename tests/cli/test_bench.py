"""``teachgym bench`` as people use it, and killed as machines do."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import chdir, suppress
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from teachgym.benchmarks.bench.suites import make_suite
from teachgym.cli import app
from teachgym.workers import VISIBLE
from tests.benchmarks.bench.small_bench import in_this_process, scores
from tests.cli.undrawn import draw_no_bench

SMALL = tuple(f"--set=task_settings.{split}_per_cell=1" for split in ("train", "val", "test"))
BRIEF = ("bench", "smoke", "--arm=alp", "--seeds=1", *SMALL, "--workers=1")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bench(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which ``BRIEF`` was run once, and what was said."""
    folder = tmp_path_factory.mktemp("first")
    with chdir(folder):
        outcome = bench(*BRIEF)
    assert outcome.exit_code == 0, outcome.output
    return folder, outcome.output


@pytest.fixture
def done(first: tuple[Path, str], tmp_path: Path) -> str:
    """What was said as ``BRIEF`` was run here."""
    folder, said = first
    copytree(folder, tmp_path, dirs_exist_ok=True)
    return said


def test_a_dry_run_shows_the_plan_and_runs_nothing(tmp_path: Path) -> None:
    outcome = bench(*BRIEF, "--dry-run")
    assert outcome.exit_code == 0, outcome.output
    assert "2 of 2 runs are left; how long they take is known once" in outcome.output
    assert "environment: SkillList\n" in outcome.output
    assert not (tmp_path / "bench").exists()


def test_a_bench_is_run_ranked_and_not_run_again(
    done: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "finished alp/seed_00" in done
    assert "\nThe one difference is that of alp from uniform: " in done
    table = (tmp_path / "bench" / "smoke" / "leaderboard.md").read_text()
    assert "| uniform (control) | 1 of 1 |" in table
    draw_no_bench(monkeypatch)
    again = bench(*BRIEF)
    assert "finished alp" not in again.output
    assert (tmp_path / "bench" / "smoke" / "leaderboard.md").read_text() == table
    dry = bench(*BRIEF[:-1], "--seeds=3", "--dry-run", "--workers=3")
    assert "4 of 6 runs are left, about" in dry.output
    assert "in 3 processes" in dry.output


@pytest.mark.slow
def test_the_table_is_of_all_that_is_in_the_folder(done: str, tmp_path: Path) -> None:
    """Seeds and arms that were run before stay in every file, whatever is asked for later."""
    again = bench("bench", "smoke", "--arm=uniform", "--seeds=1", *SMALL, "--workers=1")
    assert again.exit_code == 0, again.output
    assert "alp " in again.output
    for name in ("leaderboard.md", "results.jsonl", "report.html"):
        assert "alp" in (tmp_path / "bench" / "smoke" / name).read_text()


def test_of_runs_that_fail_the_first_is_named_below_the_table_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)
    draw_no_bench(monkeypatch)
    (tmp_path / "bench" / "smoke" / "alp" / "seed_00" / "something").mkdir(parents=True)
    outcome = bench(*BRIEF, "--student=simulated")
    assert outcome.exit_code == 2
    assert "error: 1 of 2 runs failed; first bench/smoke/alp/seed_00: " in outcome.stderr
    table = (tmp_path / "bench" / "smoke" / "leaderboard.md").read_text()
    assert "| uniform (control) | 1 of 1 |" in table
    assert "| alp | 0 of 1 |" in table


def test_with_arms_the_short_form_has_fewer_seeds_of_those() -> None:
    outcome = bench("bench", "tiny", "--short", "--arm=riac", "--dry-run")
    assert outcome.exit_code == 0, outcome.output
    suite = make_suite("tiny")
    cells = suite.narrowed(("riac",), suite.brief_seeds).cells()
    assert f"of {len(cells)} runs are left" in outcome.output
    assert "riac" in outcome.output


def test_wrong_names_are_answered_with_suggestions() -> None:
    for arguments, said in {
        ("bench", "smok"): "Did you mean 'smoke'",
        ("bench", "smoke", "--arm=alpp"): "Did you mean 'alp'",
        ("bench", "smoke", "--set", "teacher.power=2"): "the settings of their arms",
    }.items():
        outcome = bench(*arguments)
        assert outcome.exit_code == 2
        assert said in outcome.stderr


def test_settings_that_cannot_be_run_are_named_before_a_plan_and_before_a_run(
    tmp_path: Path,
) -> None:
    for option, said in {
        "--student=simulatd": "Did you mean 'simulated'",
        "--task=math2": "Did you mean 'math'",
        "--set=stress.wrong_label=0.5": "Did you mean 'wrong_labels'",
    }.items():
        for more in ((), ("--dry-run",)):
            outcome = bench(*BRIEF, option, *more)
            assert outcome.exit_code == 2
            assert said in outcome.stderr
    assert not (tmp_path / "bench").exists()


def test_gpus_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process that may see 4 and 5 these are the numbers; of others, 0 up to their count."""
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert bench(*BRIEF, "--gpu=1", "--dry-run").exit_code == 0
    for wrong in ("2", "-1", "all"):
        outcome = bench(*BRIEF, f"--gpu={wrong}", "--dry-run")
        assert outcome.exit_code == 2
        assert f"GPU {wrong} is not there; GPUs here: 0, 1" in outcome.stderr
    monkeypatch.setenv(VISIBLE, "4,5")
    assert bench(*BRIEF, "--gpu=4", "--dry-run").exit_code == 0
    assert "GPUs here: 4, 5" in bench(*BRIEF, "--gpu=0", "--dry-run").stderr


def test_help_says_what_happens_without_an_option() -> None:
    said = " ".join(bench("bench", "--help").output.replace("│", " ").split())
    assert said.count("[default: (the suite's)]") == 3
    assert "teacher.power" not in said
    assert "teachgym bench tiny --short" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ray=local", "--gpu=0"), "with --ray give --ray-gpus 1"),
        (("--ray-gpus=1",), "--ray-gpus is for --ray"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_runs(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = bench(*BRIEF, *options)
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    assert not (tmp_path / "bench").exists()


def test_a_plan_tells_what_is_known_of_the_cost() -> None:
    outcome = bench("bench", "dataenvgym-math", "--dry-run", "--seeds=1")
    assert outcome.exit_code == 0, outcome.output
    n = len(make_suite("dataenvgym-math").arms)
    assert f"{n} of {n} runs are left" in outcome.output
    assert "the price of gpt-4o-2024-08-06 is not known and counts as 0 dollars" in outcome.output
    assert "skill-tree-with-state: what a run asks of the chat model is unknown" in outcome.output


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.slow
def test_a_bench_that_is_killed_ends_like_one_that_is_not(tmp_path: Path, together: int) -> None:
    """Twenty times each, once it has gone on a little; every other time it is only interrupted."""
    suite = make_suite("smoke").narrowed(("alp",), 6)
    command = [sys.executable, "-m", "teachgym", "bench", "smoke", "--arm=alp", "--seeds=6"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, f"--out={whole}"], check=True, capture_output=True)
    command.append(f"--together={together}")
    lines, kills = random.Random(0), 0
    for attempt in range(20):
        enough = journal_lines(killed) + lines.randint(1, 3)
        process: Any = subprocess.Popen(
            [*command, f"--out={killed}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and journal_lines(killed) < enough:
            time.sleep(0.001)
        kills += process.poll() is None
        with suppress(ProcessLookupError):  # It may be through by now.
            os.killpg(process.pid, signal.SIGINT if attempt % 2 else signal.SIGKILL)
        process.wait()
    assert kills > 5
    subprocess.run([*command, f"--out={killed}"], check=True, capture_output=True)
    assert len(scores(suite, killed)) == 12
    assert scores(suite, killed) == scores(suite, whole)


def journal_lines(folder: Path) -> int:
    """Lines in the journals of all runs, one more with every stage that is finished."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*/*/journal.jsonl"))
