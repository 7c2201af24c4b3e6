"""Questions about pictures, from the task to the page, and a student that looks at the bytes."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teachgym.engines import ENGINES
from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.errors import ConfigError, UnsupportedError
from teachgym.evaluation import GenerateAndGrade
from teachgym.experiment import RunConfig, run
from teachgym.images import ImageStore
from teachgym.records import prediction_from_json, prediction_to_json, read_examples
from teachgym.report.html.pictures import data_uris
from teachgym.runs import RunFolder
from teachgym.runs.checkpoints import read_report
from teachgym.runs.export import export_dataset
from teachgym.students import make_student
from teachgym.testing import (
    PictureStudent,
    PictureTask,
    RecordingTrainer,
    check_engine,
    check_student,
    check_task,
    check_trainer,
)
from teachgym.types import Budget, Order, Plan, Prompt
from tests.report.html.page_parts import page_of

SETTINGS: dict[str, Any] = {
    "task": "teachgym.testing:PictureTask",
    "student": f"{__file__}:looking",
    "trainer": f"{__file__}:counting",
    "examples_per_step": 6,
    "budget": {"steps": 2},
}


def looking(task: PictureTask, *, half: float = 2.0) -> PictureStudent:
    return PictureStudent(half=half)


def counting(student: PictureStudent) -> RecordingTrainer:
    return RecordingTrainer()


def test_the_task_its_student_and_the_engines_keep_their_contracts() -> None:
    task, student = PictureTask(), PictureStudent()
    check_task(task)
    check_student(student, [e.question for e in task.examples("val")])
    check_trainer(RecordingTrainer(), student, tuple(task.examples("train")[:4]))
    for engine in ("procedural", "pool"):
        check_engine(ENGINES.make(engine, task), task)


def test_a_student_that_looks_learns_and_every_picture_is_an_item_of_its_own() -> None:
    """With ``half`` 10, ten examples of each skill teach half of it."""
    task = PictureTask(per_cell=20)
    trainer = RecordingTrainer()
    rules = EpisodeRules(Budget(steps=2), examples_per_step=40)
    env = TeacherEnv(task, PictureStudent(half=10), trainer, GenerateAndGrade(), rules=rules)
    before, _ = env.reset(seed=0)
    assert before.accuracy == 0
    engine = ENGINES.make("procedural", task)
    data = engine.generate(Plan((Order("name", 10), Order("same", 10))), env.rng("data"))
    held_out = replace(task.examples("val")[0], id="", source="teacher")
    after, reward, _, _, info = env.step((*data, held_out, data[0]))
    assert [v.reason for v in info["rejected"]] == ["overlap", "duplicate"]
    assert len({e.prompt for e in info["data"]}) == 2
    assert len(trainer.calls[-1]) == 20
    assert reward == after.accuracy
    assert 0.25 < after.accuracy < 0.75, "1/2 within 3 standard deviations of 40 draws"


def test_a_run_keeps_the_names_and_its_page_shows_the_pictures(tmp_path: Path) -> None:
    result = run(RunConfig(env_settings=SETTINGS), tmp_path / "run")
    assert result.test.after.mean > result.test.before.mean == 0
    folder = RunFolder.open(tmp_path / "run")
    examples = read_examples(folder.examples)
    assert examples
    assert all(e.images for e in examples)
    report = read_report(folder.val_predictions(2), "val")
    assert [p.example for p in report.predictions] == list(PictureTask().examples("val"))

    page = page_of(folder)
    source = page.split('id="example-data">')[1].split("</script>")[0]
    shown = json.loads(source)
    column = len(shown["choices"]) + shown["texts"].index("images")
    named = {name for row in shown["rows"] for name in row[column].split("\n")}
    assert named == {name for e in examples for name in e.images} == set(shown["images"])
    for name, uri in shown["images"].items():
        kind, _, content = uri.partition(";base64,")
        assert kind == "data:image/png"
        assert b64decode(content) == ImageStore().get(name)

    out = export_dataset(folder, tmp_path / "out")
    rows = [json.loads(line) for line in (out / "data" / "train.jsonl").read_text().splitlines()]
    assert [row["images"] for row in rows] == [list(e.images) for e in examples]
    for name in named:
        assert (out / "images" / f"{name}.png").read_bytes() == ImageStore().get(name)


def test_a_missing_or_damaged_picture_is_named_on_the_page_and_stops_an_export(
    tmp_path: Path,
) -> None:
    run(RunConfig(env_settings={**SETTINGS, "budget": {"steps": 1}}), tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    first, second = read_examples(folder.examples)[:2]
    store = ImageStore()
    store.path(first.images[0]).unlink()
    store.path(second.images[0]).write_bytes(b"<script>alert(1)</script>")
    assert data_uris([first, second]).keys() == {*first.images[1:], *second.images[1:]}
    page = page_of(folder)
    assert "alert(1)" not in page
    assert first.images[0] in page
    with pytest.raises(ConfigError, match="cannot be read"):
        export_dataset(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predictions_with_pictures_come_back_from_json() -> None:
    task = PictureTask()
    (prediction,) = GenerateAndGrade().predict(PictureStudent(), task, task.examples("val")[:1])
    assert prediction_from_json(prediction_to_json(prediction)) == prediction


def test_a_student_of_texts_refuses_pictures_before_anything_is_taught() -> None:
    student: Any = make_student("tiny", PictureTask())
    for ask in (student.generate, lambda p: student.sample(p, k=1)):
        with pytest.raises(UnsupportedError, match="choose a task without images"):
            ask([Prompt("name:", ("0" * 64,))])
