"""A run never mixes with what is there already."""

from __future__ import annotations

from pathlib import Path

import pytest

from teachgym.errors import RunError
from teachgym.runs import RunFolder


def test_a_run_is_made_in_a_new_or_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "new" / "below", tmp_path / "probe"):
        run = RunFolder.create(path, {"seed": 0})
        assert RunFolder.open(path).config == path / "config.json"
        assert run.predictions.is_dir()
        assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("place", [".", "link"])
def test_an_empty_folder_stays_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whoever is in it, or has a link to it, finds the run there."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "link").symlink_to(tmp_path / "empty") if place == "link" else None
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(here)
    run = RunFolder.create(Path(place), {"seed": 0})
    assert RunFolder.open(run.path).config.is_file()
    assert Path.cwd() == here
    assert sorted(p.name for p in Path(place).iterdir()) == [
        "checkpoints",
        "config.json",
        "predictions",
    ]
    with pytest.raises(RunError, match="holds a run"):
        RunFolder.create(Path(place), {})


def test_a_folder_with_a_run_is_refused_and_the_way_on_is_named(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "my run", {})
    with pytest.raises(RunError, match=r"teachgym resume '/.*my run'$"):
        RunFolder.create(tmp_path / "my run", {})


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="is not empty"):
        RunFolder.create(tmp_path, {})
    with pytest.raises(RunError, match="is not empty"):
        RunFolder.create(tmp_path / "thesis.tex", {})
    assert (tmp_path / "thesis.tex").exists()


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        RunFolder.open(tmp_path)
