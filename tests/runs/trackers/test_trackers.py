"""Metrics arrive, once each, and a tracker that cannot be had is said with the fix."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from teachgym.errors import ConfigError, MissingExtraError, UnknownNameError
from teachgym.experiment import RunConfig, resume, run
from teachgym.runs import Journal, JsonlTracker, RunFolder, TensorboardTracker, Trackers
from teachgym.runs.files import read_json, read_lines
from teachgym.runs.trackers.settings import TRACKERS
from teachgym.testing import ListTracker, check_tracker
from tests.runs.trackers.event_files import shown_by_tensorboard

SMALL = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 12,
    "budget": {"steps": 3},
}


def test_metrics_are_lines_with_a_step(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path / "metrics.jsonl")
    tracker.log({"accuracy": 0.5}, 0)
    tracker.log({"accuracy": 0.75, "loss": math.nan}, 1)
    tracker.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 0, "accuracy": 0.5}, {"step": 1, "accuracy": 0.75, "loss": None}]


def test_several_trackers_get_the_same_and_none_gets_nothing(tmp_path: Path) -> None:
    first, second = ListTracker(), ListTracker()
    for tracker in (Trackers(first, second), Trackers()):
        tracker.log({"accuracy": 0.5}, 1)
        tracker.record(tmp_path)
        tracker.close()
    assert first.logged == second.logged == [(1, {"accuracy": 0.5})]
    assert first.recorded == second.recorded == [tmp_path]
    assert first.closed
    assert second.closed


def test_shipped_trackers_keep_the_contract(tmp_path: Path) -> None:
    run_folder, own = tmp_path / "run", tmp_path / "own"
    run(RunConfig(env_settings=SMALL), run_folder)
    check_tracker(JsonlTracker(tmp_path / "metrics.jsonl"), run_folder)
    check_tracker(TensorboardTracker(own), run_folder)
    check_tracker(Trackers(ListTracker(), ListTracker()), run_folder)
    shown = shown_by_tensorboard(own)
    assert shown["accuracy"] == {0: 0.5, 1: 1.0}
    assert shown["reward"] == {1: math.inf}
    assert math.isnan(shown["loss"][2])


def test_tensorboard_shows_a_run_and_its_exam(tmp_path: Path) -> None:
    result = run(RunConfig(env_settings=SMALL, trackers={"tensorboard": {}}), tmp_path / "run")
    shown = shown_by_tensorboard(tmp_path / "run" / "tensorboard")
    lines = read_lines(RunFolder(tmp_path / "run").metrics)
    assert _by_name(lines) == {name: v for name, v in shown.items() if "test/" not in name}
    assert shown["test/after"] == {3: pytest.approx(result.test.after.mean)}


@pytest.mark.slow
def test_the_command_line_chooses_trackers(tmp_path: Path) -> None:
    flags = ("--student=simulated", "--steps=1", "--examples-per-step=9", "--threads=1", "--quiet")
    chosen = ("--tensorboard", "--wandb=disabled", "--set=wandb.rows=9")
    outcome = CliRunner().invoke(app, ["run", *flags, *chosen, f"--out={tmp_path / 'run'}"])
    assert outcome.exit_code == 0, outcome.output
    trackers = read_json(RunFolder(tmp_path / "run").config)["config"]["trackers"]
    assert trackers == {"tensorboard": {}, "wandb": {"mode": "disabled", "rows": 9}}
    assert list(shown_by_tensorboard(tmp_path / "run" / "tensorboard")["accuracy"]) == [0, 1]
    assert not (tmp_path / "run" / "wandb").exists()


@pytest.mark.parametrize(("stage", "left"), [("step", 1), ("exam", 3)])
def test_a_resumed_run_is_in_tensorboard_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, left: int
) -> None:
    """It dies when step 2 is logged but not in the journal, or when only the exam is missing."""
    append = Journal.append

    def die(journal: Journal, now: Any, **fields: Any) -> None:
        if now == stage and len(journal.steps) == left:
            raise KeyboardInterrupt
        append(journal, now, **fields)

    config = RunConfig(env_settings=SMALL, trackers={"tensorboard": {}})
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", die)
        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / "run")
    resume(tmp_path / "run")
    folder = tmp_path / "run" / "tensorboard"
    assert len(list(folder.iterdir())) == 2
    shown = shown_by_tensorboard(folder)
    assert list(shown["accuracy"]) == [0, 1, 2, 3]
    assert list(shown["test/gain"]) == [3]
    lines = read_lines(RunFolder(tmp_path / "run").metrics)
    assert _by_name(lines) == {name: v for name, v in shown.items() if "test/" not in name}


def _by_name(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Metric to step to value in single precision, which is all that event files hold."""
    names = {name for line in lines for name in line if name != "step"}
    return {
        name: {line["step"]: pytest.approx(line[name]) for line in lines if name in line}
        for name in names
    }


def test_tensorboard_that_is_not_installed_is_said_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[tensorboard\]'"):
        TensorboardTracker(tmp_path)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("wandbb", {}, "Did you mean 'wandb'"),
        ("tensorboard", {"folder": "x"}, "has no settings; 'folder'"),
        ("wandb", {"modus": "offline"}, "setting 'modus' of tracker 'wandb'. Did you mean 'mode'"),
        ("wandb", {"mode": "ofline"}, "Did you mean 'offline'"),
        ("wandb", {"project": ""}, "project of wandb is empty"),
        ("wandb", {"rows": -1}, "rows is -1"),
        ("wandb", {"rows": True}, "rows is True"),
        ("wandb", {"log_student": "no"}, "log_student is 'no'"),
        ("wandb", {"finish_seconds": 0}, "finish_seconds is 0"),
        ("wandb", {"finish_seconds": math.nan}, "finish_seconds is nan"),
        (
            "wandb",
            {"finish_seconds": math.inf},
            "finish_seconds is inf; .* above 0",
        ),
    ],
)
def test_a_setting_that_does_not_exist_or_fit_is_named(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        TRACKERS.check(name, settings)
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        RunConfig(trackers={name: settings})
