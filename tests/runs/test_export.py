"""Data sets that other tools open, with a card, and students that load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from teachgym.errors import ConfigError, RunError
from teachgym.experiment import RunConfig, run
from teachgym.report.comparison import read_compared
from teachgym.report.html.material import RunMaterial
from teachgym.report.teaching import teaching_tables
from teachgym.runs import RunFolder
from teachgym.runs.export import export_dataset, export_student
from teachgym.runs.result import read_result
from teachgym.runs.taught import read_taught
from teachgym.types import Example, Turn

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 30,
    "gate_settings": {"ngram": None},
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


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_what_an_example_teaches_beside_its_target_is_exported(
    folder: RunFolder, format: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its weights a part that is to become less likely would be learned as right."""
    datasets: Any = pytest.importorskip("datasets")
    example = Example(
        "1+1=",
        "3, no: 2",
        "add",
        spans=(("3, no: ", -0.5), ("2", 1.0)),
        soft_labels=(("2", 0.75), ("3", 0.25)),
        turns=(Turn("1", "no"),),
        rejected="4",
    )
    monkeypatch.setattr("teachgym.runs.export.read_taught", lambda run: [(example, None)])
    out = export_dataset(folder, tmp_path / "out", format=format)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded[0]["spans"] == [
        {"text": "3, no: ", "weight": -0.5},
        {"text": "2", "weight": 1.0},
    ]
    assert [label["probability"] for label in loaded[0]["soft_labels"]] == [0.75, 0.25]
    assert loaded[0]["rejected"] == "4"
    assert loaded[0]["turns"][0]["reply"] == "no"


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
    gain = read_result(folder).test.gain
    assert f"after; paired gain {gain.show('+.3f')}\n" in body
    assert "(n=96) after" in body
    assert "Settings of the gate: {'ngram': None}." in body


def test_the_student_is_copied_as_it_is(folder: RunFolder, tmp_path: Path) -> None:
    out = export_student(folder, tmp_path / "student")
    assert {p.name for p in out.iterdir()} == {p.name for p in folder.student.iterdir()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions/test_best.jsonl", ""),
        ("predictions/test_best.jsonl", '{"a": 1}\n'),
        ("predictions/step_001.jsonl", '{"a"'),
        ("rejected.jsonl", '{"a": 1}\n'),
        ("incidents.jsonl", "{}\n"),
        ("metrics.jsonl", None),
        ("examples.jsonl", None),
        ("config.json", '{"a": 1}'),
    ],
)
def test_whoever_reads_a_finished_run_is_told_of_a_file_that_is_not_its_own(
    folder: RunFolder, tmp_path: Path, name: str, content: str | None
) -> None:
    """None: a further line, the last one once more, which nobody who cuts files back sees."""
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "run")))
    path = copy.path / name
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1]]) if content is None else content)
    readers: list[Callable[[], object]] = [
        lambda: export_dataset(copy, tmp_path / "out"),
        lambda: read_compared([copy.path, folder.path]),
        lambda: RunMaterial.read(copy),
    ]
    if name != "config.json":  # These tables do not need it.
        readers.append(lambda: teaching_tables(copy))
    for read in readers:
        with pytest.raises(RunError, match=f"{path.stem}.*; restore it from a copy"):
            read()
    assert not (tmp_path / "out").exists()


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
