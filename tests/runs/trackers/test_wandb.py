"""Weights & Biases: what its files hold after a real run offline, and that it can be lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teachgym.errors import MissingExtraError
from teachgym.experiment import RunConfig, run
from teachgym.records import prediction_from_json
from teachgym.runs import RunFolder, WandbTracker
from teachgym.runs.files import read_json, read_lines
from teachgym.runs.trackers.settings import WandbSettings
from teachgym.testing import check_tracker
from tests.runs.trackers.event_files import wandb_records

SMALL = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 2},
    "examples_per_step": 12,
    "budget": {"steps": 2},
}


# -- the real one ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was tracked offline, with tables of at most seven rows."""
    pytest.importorskip("wandb")
    folder = tmp_path_factory.mktemp("tracked") / "run"
    command = [
        *(sys.executable, "-m", "teachgym", "run", "--student=simulated", "--steps=2"),
        *("--examples-per-step=12", f"--set=task_settings={json.dumps(SMALL['task_settings'])}"),
        *("--wandb=offline", "--set=wandb.rows=7", "--set=wandb.project=tests", "--seed=3"),
        *("--quiet", f"--out={folder}"),
    ]
    own = {f"WANDB_{name}_DIR": str(folder.parent) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return RunFolder(folder)


def records(folder: Path, kind: str) -> list[Any]:
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    found = [r for r in wandb_records(path) if r.WhichOneof("record_type") == kind]
    return [getattr(record, kind) for record in found]


def items(updates: Any) -> dict[str, Any]:
    return {"/".join(u.nested_key) or u.key: json.loads(u.value_json) for u in updates}


def table(run: RunFolder, name: str) -> tuple[list[str], list[list[Any]]]:
    (path,) = run.path.glob(f"wandb/offline-run-*/files/media/table/{name}_*.table.json")
    content = read_json(path)
    return content["columns"], content["data"]


def test_the_run_and_its_configuration_arrive(finished: RunFolder) -> None:
    (sent,) = records(finished.path, "run")
    record = read_json(finished.config)
    assert (sent.run_id, sent.project, sent.display_name) == (record["id"], "tests", "run")
    config = items(sent.config.update)
    assert {key: config[key] for key in record["config"]} == record["config"]
    assert config["versions"] == record["versions"]
    assert config["seed"] == 3


def test_every_number_of_every_step_arrives(finished: RunFolder) -> None:
    rows = [items(sent.item) for sent in records(finished.path, "history")]
    lines = read_lines(finished.metrics)
    assert [row["_step"] for row in rows] == [line["step"] for line in lines] == [0, 1, 2]
    for row, line in zip(rows, lines, strict=True):
        assert {name: row[name] for name in line if name != "step"} == {
            name: number for name, number in line.items() if name != "step"
        }
    gain = read_json(finished.result)["test"]["gain"]["mean"]
    assert rows[-1]["test/gain"] == pytest.approx(gain)


def test_examples_arrive_with_their_verdicts_evenly_spread(finished: RunFolder) -> None:
    columns, rows = table(finished, "examples")
    accepted, rejected = read_lines(finished.examples), read_lines(finished.rejected)
    n = len(accepted) + len(rejected)
    assert n > 7
    assert len(rows) == 7
    shown = [dict(zip(columns, row, strict=True)) for row in rows]
    assert shown[0]["prompt"] == accepted[0]["prompt"]
    assert shown[0]["verdict"] == "accepted"
    assert {row["step"] for row in shown} == {1, 2}
    summary = {
        k: v for sent in records(finished.path, "summary") for k, v in items(sent.update).items()
    }
    assert summary["examples/shown"] == f"7 of {n}"


def test_wrong_answers_of_the_best_student_arrive(finished: RunFolder) -> None:
    best = read_json(finished.result)["best_step"]
    files = {
        "errors/val": finished.val_predictions(best),
        "errors/test": finished.test_predictions("best"),
    }
    for name, path in files.items():
        wrong = [p for p in map(prediction_from_json, read_lines(path)) if p.score < 1]
        columns, rows = table(finished, name)
        shown = [dict(zip(columns, row, strict=True)) for row in rows]
        assert len(shown) == min(7, len(wrong)) > 0
        assert {row["id"] for row in shown} <= {p.example.id for p in wrong}
        assert shown[0]["response"] == wrong[0].response
        assert shown[0]["target"] == wrong[0].example.target


def test_data_and_student_arrive_as_artifacts(finished: RunFolder) -> None:
    sent = {artifact.type: artifact for artifact in records(finished.path, "artifact")}
    id_ = read_json(finished.config)["id"]
    assert (sent["dataset"].name, sent["model"].name) == (f"examples-{id_}", f"student-{id_}")
    data = {entry.path: entry for entry in sent["dataset"].manifest.contents}
    assert set(data) == {"examples.jsonl", "rejected.jsonl"}
    assert data["examples.jsonl"].size == finished.examples.stat().st_size
    student = {entry.path for entry in sent["model"].manifest.contents}
    assert student == {path.name for path in finished.student.iterdir()}


TWO_RUNS_AND_A_DEATH = """
import sys, time
from pathlib import Path
import psutil
from teachgym.runs import WandbTracker
from teachgym.runs.trackers.settings import WandbSettings

folder, settings = Path(sys.argv[1]), WandbSettings(mode="offline")
first, second = (
    WandbTracker(settings, name=id, config={}, folder=folder, id=id) for id in ("one", "two")
)
first.log({"accuracy": 0.25}, 0)
second.log({"accuracy": 0.5}, 0)
first.close()
(written,) = folder.glob("wandb/offline-run-*-one/run-one.wandb")
patience = time.monotonic() + 60
while b"accuracy" not in written.read_bytes():  # Closing does not wait for the disk.
    assert time.monotonic() < patience
    time.sleep(0.05)
(own,) = (child for child in psutil.Process().children() if child.name() == "wandb-core")
own.kill()
own.wait()
for step in range(1, 1000):
    second.log({"accuracy": 0.5}, step)
second.close()
"""

NOWHERE = """
import sys
from pathlib import Path
from teachgym.runs import WandbTracker
from teachgym.runs.trackers.settings import WandbSettings

assert not {"wandb", "tensorboardX"} & set(sys.modules), "imported before anybody asked for it"
tracker = WandbTracker(WandbSettings(), name="n", config={}, folder=Path(sys.argv[1]), id="i")
tracker.log({"accuracy": 0.5}, 0)
tracker.close()
"""


def survive(script: str, folder: Path) -> str:
    """Run it with a wandb of its own that finds no server; what it says on the way."""
    pytest.importorskip("wandb")
    own = {f"WANDB_{name}_DIR": str(folder) for name in ("CACHE", "CONFIG", "DATA")}
    nowhere = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "0" * 40}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env={**os.environ, **own, **nowhere, "WANDB_INIT_TIMEOUT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_runs_side_by_side_are_kept_apart_and_a_dead_wandb_stops_none(tmp_path: Path) -> None:
    said = survive(TWO_RUNS_AND_A_DEATH, tmp_path)
    assert said.count("wandb is lost, the run goes on without it") == 1
    (path,) = tmp_path.glob("wandb/offline-run-*-one/run-one.wandb")
    sent = [r.history for r in wandb_records(path) if r.WhichOneof("record_type") == "history"]
    assert [items(row.item)["accuracy"] for row in sent] == [0.25]


@pytest.mark.slow
def test_a_server_that_is_not_there_stops_no_run(tmp_path: Path) -> None:
    said = survive(NOWHERE, tmp_path)
    assert said.count("wandb is lost, the run goes on without it") == 1


# -- a fake one --------------------------------------------------------------------------------


class _FakeWandb(SimpleNamespace):
    """Keeps what it gets, and fails where it is told to."""

    class WandbError(Exception):
        pass

    def __init__(self, *, fails_at: str = "") -> None:
        self.given: dict[str, Any] = {}
        self.logged: list[dict[str, Any]] = []
        self.artifacts: list[str] = []
        self.finished = False

        def fail(where: str) -> None:
            if where == fails_at:
                raise self.WandbError(f"no network for {where}")

        def init(**settings: Any) -> Any:
            fail("init")
            self.given = settings
            return SimpleNamespace(
                log=log, summary={}, finish=finish, log_artifact=self.artifacts.append
            )

        def log(metrics: dict[str, Any], step: int | None = None) -> None:
            fail("log")
            self.logged.append(metrics)

        def finish() -> None:
            fail("finish")
            self.finished = True

        def table(columns: list[str], data: list[Any]) -> str:
            fail("table")
            return f"{len(data)} rows"

        def artifact(name: str, type: str) -> Any:
            fail(type)
            return SimpleNamespace(add_file=lambda *args, **settings: None, type=type)

        super().__init__(
            errors=SimpleNamespace(Error=self.WandbError),
            Settings=lambda **settings: settings,
            Table=table,
            Artifact=artifact,
            init=init,
        )


@pytest.fixture
def short_run(tmp_path: Path) -> Path:
    run(RunConfig(env_settings=SMALL), tmp_path / "short")
    return tmp_path / "short"


def connect(folder: Path, **settings: Any) -> WandbTracker:
    return WandbTracker(
        WandbSettings(**settings), name="name", config={"seed": 0}, folder=folder, id="abc"
    )


@pytest.mark.parametrize("place", ["init", "log", "table", "dataset", "model", "finish"])
def test_losing_wandb_anywhere_is_one_warning_and_nothing_more(
    short_run: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    wandb = _FakeWandb(fails_at=place)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    with pytest.warns(UserWarning, match=f"goes on without it: no network for {place}") as caught:
        check_tracker(connect(short_run), short_run)
    assert len(caught) == 1
    assert wandb.finished == (place not in ("init", "finish"))
    assert (len(wandb.logged) > 0) == (place not in ("init", "log"))


def test_a_run_that_cannot_be_read_is_lost_to_wandb_alone(
    short_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = _FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    RunFolder(short_run).examples.write_text("")
    tracker = connect(short_run)
    with pytest.warns(UserWarning, match=r"goes on without it: .*examples\.jsonl has 0 of"):
        tracker.record(short_run)
    tracker.close()
    assert wandb.finished
    assert wandb.artifacts == []


def test_wandb_gets_everything_in_order(short_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = _FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    check_tracker(connect(short_run, rows=0), short_run)
    assert (wandb.given["id"], wandb.given["resume"]) == ("abc", "allow")
    assert wandb.given["settings"]["finish_timeout"] == 600
    assert wandb.logged[-1] == dict.fromkeys(("examples", "errors/val", "errors/test"), "0 rows")
    assert [artifact.type for artifact in wandb.artifacts] == ["dataset", "model"]
    assert wandb.finished


def test_the_student_can_be_kept_back(short_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = _FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    connect(short_run, log_student=False).record(short_run)
    assert [artifact.type for artifact in wandb.artifacts] == ["dataset"]


def test_wandb_that_is_not_installed_is_said_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[wandb\]'"):
        connect(tmp_path)


def test_disabled_wandb_does_nothing_and_need_not_be_installed(
    short_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    before = {path: path.read_bytes() for path in short_run.rglob("*") if path.is_file()}
    check_tracker(connect(short_run, mode="disabled"), short_run)
    assert before == {path: path.read_bytes() for path in short_run.rglob("*") if path.is_file()}
