"""What is found to be removed, what never is, and what is left when removing is cut short."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from teachgym.errors import RunError
from teachgym.experiment import RunConfig, is_finished, resume, run
from teachgym.runs import leftovers
from teachgym.runs.leftovers import find_leftovers
from teachgym.runs.lock import holding
from teachgym.types import Transition
from tests.runs.dying import Killed, contents

SMALL = RunConfig(
    env_settings={
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 60,
        "budget": {"steps": 2},
    }
)
NOBODY = 2**22 + 5
"""A number that no process has."""


def kill(step: int, transition: Transition) -> None:
    raise Killed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and one that died after a step."""
    folder = tmp_path_factory.mktemp("made")
    run(SMALL, folder / "whole")
    with pytest.raises(Killed):
        run(SMALL, folder / "begun", observers=[kill])
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """A copy of them to be cleaned."""
    return Path(shutil.copytree(made, tmp_path / "runs"))


def found(folder: Path) -> dict[str, str]:
    """States by path."""
    return {str(left.path.relative_to(folder)): left.state for left in find_leftovers(folder)}


def clean(*arguments: str | Path) -> str:
    outcome = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["clean", *map(str, arguments)])
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def age(path: Path) -> None:
    """Let a file or folder have been written two hours ago."""
    for each in (path, *path.rglob("*")):
        os.utime(each, (time.time() - 7200,) * 2)


def test_a_run_that_was_begun_is_listed_and_removed_when_told_to(runs: Path) -> None:
    before = contents(runs / "whole")
    assert found(runs) == {"begun": "begun"}
    listed = clean(runs)
    assert f"begun         {runs / 'begun'} (1 step, " in listed
    assert "1 to remove" in listed
    assert (runs / "begun").exists()
    assert "removed 1" in clean(runs, "--yes")
    assert [path.name for path in runs.iterdir()] == ["whole"]
    assert contents(runs / "whole") == before
    assert clean(runs, "--yes") == "nothing to remove\n"


def test_what_is_only_listed_can_be_resumed(runs: Path) -> None:
    clean(runs)
    resume(runs / "begun")
    assert is_finished(runs / "begun")
    assert found(runs) == {}


def test_what_a_process_works_on_is_left_alone(runs: Path) -> None:
    with holding(runs / "begun", "resume"):
        assert found(runs) == {"begun": "in use"}
        said = clean(runs, "--yes")
    assert said.startswith(f"in use        {runs / 'begun'} is held by process {os.getpid()} on ")
    assert said.endswith("nothing to remove\n")
    assert (runs / "begun" / "journal.jsonl").exists()


def test_no_run_of_a_bench_is_touched_while_it_is_worked_on(runs: Path) -> None:
    (runs / "suite.json").write_text("{}")
    with holding(runs, "bench"):
        assert found(runs) == {".": "in use"}
    assert found(runs) == {"begun": "begun"}


def test_nobody_begins_to_work_on_a_run_that_is_being_removed(runs: Path) -> None:
    for left in find_leftovers(runs):
        with pytest.raises(RunError, match="clean, since"), holding(left.path, "resume"):
            pass


@pytest.mark.parametrize("name", ["config.json", "journal.jsonl"])
def test_a_run_that_cannot_be_read_is_broken_unless_it_has_a_result(runs: Path, name: str) -> None:
    for run_name in ("begun", "whole"):
        path = runs / run_name / name
        path.write_bytes(path.read_bytes().replace(b'"seed"', b'"sead"', 1))
        if name == "config.json":
            path.write_text("{")
    assert found(runs) == {"begun": "broken"}
    clean(runs, "--yes")
    assert [path.name for path in runs.iterdir()] == ["whole"]


def test_a_run_at_its_end_is_kept_even_without_its_result(runs: Path) -> None:
    (runs / "whole" / "result.json").unlink()
    assert "whole" not in found(runs)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "config.json").write_text('{"model_type": "llama"}'),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "journal.jsonl").write_text('{"day": 1}\n'),
        lambda folder: (folder / "journal.jsonl").mkdir(),
    ],
)
def test_folders_that_only_look_like_runs_are_nobodys(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    folder = tmp_path / "model"
    for name in ("predictions", "checkpoints"):
        (folder / name).mkdir(parents=True)
    spoil(folder)
    assert found(tmp_path) == {}


def test_half_written_files_go_once_their_process_is_dead_and_they_are_old(runs: Path) -> None:
    """In a run that is held nobody else writes, so there it does not matter how old they are."""
    inside = runs / "whole" / "predictions" / f".step_001.jsonl.{os.getpid()}-0123abcd.tmp"
    inside.write_text("half")
    beside = runs / f".next.{NOBODY}-0123abcd.tmp"
    shutil.copytree(runs / "begun", beside)
    alive = runs / f".other.{os.getpid()}-0123abcd.tmp"
    alive.mkdir()
    for name in (".notes.tmp", f"next.{NOBODY}-0123abcd.tmp", f".next.{NOBODY}-0123abcd.tmpx"):
        (runs / name).write_text("somebody's own")
    expected = {"begun": "begun", str(inside.relative_to(runs)): "half-written"}
    age(alive)
    assert found(runs) == expected  # The one beside was written just now.
    age(beside)
    assert found(runs) == {**expected, beside.name: "half-written"}
    clean(runs, "--yes")
    assert found(runs) == {}
    assert alive.exists()
    assert not inside.exists()


def test_what_a_link_leads_to_is_not_looked_into(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link").symlink_to(runs)
    (runs / "begun" / "data").symlink_to(runs / "whole")
    assert found(tmp_path / "other") == {}
    clean(runs, "--yes")
    assert is_finished(runs / "whole")


def test_removing_that_is_cut_short_is_told_and_leaves_something_half_written(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "remove", lambda path: None)
        outcome = CliRunner().invoke(app, ["clean", str(runs), "--yes"])
    assert outcome.exit_code == 2
    assert "cannot be removed whole" in outcome.output
    assert not (runs / "begun").exists()
    monkeypatch.setattr(leftovers, "_may_be_written", lambda path, pid: False)
    assert set(found(runs).values()) == {"half-written"}


def test_without_folders_the_usual_ones_are_looked_into(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "begun         runs/begun" in clean()
    clean("--yes")
    assert not (runs / "begun").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["clean", str(tmp_path / "rums")])
    assert outcome.exit_code == 2
    assert "rums is not a folder" in outcome.output.replace("\n", "")
