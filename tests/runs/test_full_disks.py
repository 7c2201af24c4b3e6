"""What the operating system refuses is said in a line, early where it can be, and mended later."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from teachgym.experiment import RunConfig, resume, run
from teachgym.runs import RunFolder
from teachgym.runs.export import export_student
from tests.runs.dying import contents, stop_clocks

SMALL = RunConfig(
    env_settings={
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 60,
        "budget": {"steps": 2},
    }
)
RUN = (
    "run --student simulated --steps 1 --set task_settings.val_per_cell=1 "
    "--set task_settings.test_per_cell=1 --out"
)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a disk that is full at that moment."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def teachgym(command: str) -> tuple[int, str, str]:
    """Exit code, output and the line of the error."""
    result = CliRunner().invoke(app, command.split())
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def equal_files(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    monkeypatch.setattr("teachgym.runs.provenance.commit", lambda: None)


@pytest.mark.slow
@pytest.mark.usefixtures("equal_files")
def test_a_disk_that_is_full_at_any_write_leaves_a_run_that_ends_as_if_it_had_not_been(
    tmp_path: Path,
) -> None:
    """The limits are just below the sizes of the files of a whole run: each breaks another."""
    run(SMALL, tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    limits = sorted({size for content in expected.values() if (size := len(content) - 1) > 0})
    errors: list[OSError] = []
    for limit in limits:
        folder = tmp_path / f"limit-{limit}"
        with largest_file(limit):
            try:
                run(SMALL, folder)
            except OSError as error:
                errors.append(error)
        if (folder / "config.json").exists():
            resume(folder)
        else:
            assert not folder.exists()
            run(SMALL, folder)
        assert contents(folder) == expected, limit
        assert [p for p in tmp_path.rglob(".*") if p.parent != folder] == []
    assert {(error.errno, bool(error.filename)) for error in errors} == {(errno.EFBIG, True)}
    assert len(errors) >= len(limits) - 1


@pytest.mark.parametrize(
    "place",
    ["/proc/x", "FILE", "FILE/x", "FILE/x/y", "x" * 300, "y/" + "x" * 300, "/dev/null/x"],
)
def test_a_place_that_cannot_be_is_said_in_one_line_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def load(*arguments: Any, **settings: Any) -> Any:
        raise AssertionError("the student was loaded")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("teachgym.experiment.assemble", load)
    Path("FILE").touch()
    code, _, error = teachgym(f"{RUN} {place}")
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("error: ")
    assert place.partition("/x")[0] in error
    assert [path.name for path in tmp_path.iterdir()] == ["FILE"]


def test_a_way_back_in_the_path_is_the_same_before_and_after_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = teachgym(f"{RUN} new/../x")
    assert (code, error) == (0, "")
    assert (tmp_path / "x" / "curve.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be made in a folder, whoever asks: as on a read-only mount."""
    real = os.open

    def refuse(path: Any, flags: int, *others: Any, **settings: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and Path(path).is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *others, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refuse)
        yield


def test_a_run_that_cannot_be_written_to_is_shown_and_exported(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(SMALL, folder)
    before = contents(folder)
    with read_only(folder):
        code, shown, error = teachgym(f"report {folder}")
        assert export_student(RunFolder.open(folder), tmp_path / "out") == tmp_path / "out"
    assert (code, error) == (2, f"error: {folder / '.lock'}: Read-only file system\n")
    assert "test" in shown
    assert "val" in shown
    assert contents(folder) == before


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    "link",
    [
        "rejected.jsonl",
        "examples.jsonl",
        "config.json",
        "checkpoints",
        "predictions/step_000.jsonl",
        "student/notes.txt",
        "figures",
    ],
)
def test_no_link_is_followed_out_of_a_run(tmp_path: Path, link: str) -> None:
    run(SMALL, tmp_path / "run")
    place, outside = tmp_path / "run" / link, tmp_path / "outside"
    if place.exists():
        place.rename(outside)
    else:
        outside.write_text("a secret")
    place.symlink_to(outside)
    before = contents(tmp_path)
    for command in ("resume", "report", f"export --student {tmp_path / 'out'}"):
        code, _, error = teachgym(f"{command} {tmp_path / 'run'}")
        assert (code, error.count("\n")) == (2, 1)
        assert f"{place} is a link to {outside}" in error
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_links_within_a_run_and_to_it_are_followed(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run")
    (tmp_path / "run" / "student" / "again").symlink_to(tmp_path / "run" / "curve.png")
    (tmp_path / "latest").symlink_to(tmp_path / "run")
    assert teachgym(f"report {tmp_path / 'latest'}")[0] == 0
