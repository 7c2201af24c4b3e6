"""``teachgym report BENCH``: the table, the lines, agreement with another bench."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from typer.testing import CliRunner, Result

from teachgym.cli import app
from tests.benchmarks.bench.small_bench import SUITE, in_this_process, run_all

BRIEF = ("bench", "smoke", "--student=simulated", "--arm=alp", "--seeds=1", "--out=b")
SMALL = tuple(f"--set=task_settings.{split}_per_cell=1" for split in ("train", "val", "test"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of three arms with one run each."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        in_this_process(patch)
        done = teachgym(*BRIEF, *SMALL, "--arm=weakest")
    assert done.exit_code == 0, done.output
    return folder / "b"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def teachgym(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)


@pytest.mark.slow
def test_a_bench_agrees_with_itself_and_its_runs_are_lines(bench: Path) -> None:
    lines = (bench / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["arm"] for line in lines] == ["alp", "uniform", "weakest"]
    outcome = teachgym("report", str(bench), "--agreement", str(bench))
    assert outcome.exit_code == 0, outcome.output
    assert f"rank correlation with {bench}: 1.00 over 3 arms and" in outcome.output


@pytest.mark.slow
def test_two_arms_are_not_ranked_alike_or_otherwise(bench: Path, tmp_path: Path) -> None:
    copytree(bench, tmp_path / "b", ignore=ignore_patterns("weakest"))
    outcome = teachgym("report", "b", "--agreement", "b")
    assert outcome.exit_code == 2
    assert "share 2 arms with results; a rank correlation takes at least 3" in outcome.stderr


def test_a_run_has_no_ranks_to_agree_about(tmp_path: Path) -> None:
    (cell,) = run_all(replace(SUITE, arms=SUITE.arms[:1], seeds=1), tmp_path / "b")
    outcome = teachgym("report", f"b/{cell}", "--agreement", "b")
    assert outcome.exit_code == 2
    assert "is not a bench" in outcome.stderr
    assert "nothing to compare" in teachgym("report", "b", "b").output


@pytest.mark.slow
def test_runs_of_a_bench_can_be_tracked_and_that_decides_nothing(tmp_path: Path) -> None:
    assert teachgym(*BRIEF, *SMALL, "--tensorboard").exit_code == 0
    assert list((tmp_path / "b" / "alp" / "seed_00" / "tensorboard").iterdir())
    again = teachgym(*BRIEF, *SMALL)
    assert again.exit_code == 0, again.output
    assert "finished" not in again.output
