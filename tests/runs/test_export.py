"""Data sets that other tools open, with a card, and students that load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from teachgym.errors import ConfigError, RunError
from teachgym.experiment import RunConfig, run
from teachgym.runs import RunFolder
from teachgym.runs.export import export_dataset, export_student
from teachgym.runs.taught import read_taught

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 30,
    "budget": {"steps": 2},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "run"
    run(RunConfig(env_settings=SETTINGS, teacher="weakest"), path)
    return RunFolder.open(path)


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_datasets_opens_what_was_exported(
    folder: RunFolder, format: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = export_dataset(folder, tmp_path / "out", format=format, license="cc0-1.0")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), split="train")
    made = [json.loads(line) for line in folder.examples.read_text().splitlines()]
    assert [row["prompt"] for row in loaded] == [record["prompt"] for record in made]
    assert set(loaded["writer"]) == {"procedural"}
    assert set(loaded["step"]) == {1, 2}
    assert list(loaded["loss"]) == [loss for _, loss in read_taught(folder)]
    assert min(loaded["loss"]) > 0


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_loss_that_is_not_known_is_null(folder: RunFolder, format: Any, tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "run")))
    lines = [json.loads(line) for line in copy.journal.read_text().splitlines()]
    lines[1]["losses"][0] = None
    for line in lines:  # As from before there were digests.
        for key in ("previous", "digest", "files"):
            del line[key]
    copy.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = export_dataset(copy, tmp_path / "out", format=format)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded["loss"][:2] == [None, lines[1]["losses"][1]]


def test_the_card_says_who_wrote_it_what_was_kept_out_and_what_it_did(
    folder: RunFolder, tmp_path: Path
) -> None:
    card = (export_dataset(folder, tmp_path / "out") / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "unknown"
    assert yaml.safe_load(head)["configs"][0]["data_files"][0]["path"] == "data/train.jsonl"
    assert "Written by `procedural`." in body
    assert "has to find out" in body
    assert "the teacher `weakest` chose for the student `simulated`" in body
    assert "(96 items), read once" in body


def test_the_student_is_copied_as_it_is(folder: RunFolder, tmp_path: Path) -> None:
    out = export_student(folder, tmp_path / "student")
    assert {p.name for p in out.iterdir()} == {p.name for p in folder.student.iterdir()}


def test_nothing_is_overwritten_and_only_finished_runs_are_exported(
    folder: RunFolder, tmp_path: Path
) -> None:
    export_dataset(folder, tmp_path / "out")
    for export in (export_dataset, export_student):
        with pytest.raises(RunError, match="exists; give a new folder"):
            export(folder, tmp_path / "out")
    with pytest.raises(ConfigError, match="unknown format 'csv'"):
        export_dataset(folder, tmp_path / "new", format="csv")  # type: ignore[arg-type]
    begun = RunFolder.create(tmp_path / "begun", {"config": {}})
    with pytest.raises(RunError, match="is not finished"):
        export_dataset(begun, tmp_path / "new")
