"""Trackers of a run that dies at its end, cannot begin, or cannot be read: nothing is lost."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from teachgym.errors import MissingExtraError
from teachgym.experiment import RunConfig, is_finished, read_result, resume, run
from teachgym.runs import Journal, RunFolder
from teachgym.runs.trackers import check_installed
from teachgym.runs.versions import commit, versions
from teachgym.testing import ListTracker
from tests.runs.dying import contents, stop_clocks
from tests.runs.trackers.event_files import shown_by_tensorboard

SMALL = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 12,
    "budget": {"steps": 2},
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)


def use(tracker: ListTracker, patch: pytest.MonkeyPatch) -> ListTracker:
    """Let ``tracker`` be the one of the next run."""
    patch.setattr("teachgym.experiment.open_trackers", lambda *given: closing(tracker))
    return tracker


def die_at_the_end(config: RunConfig, folder: Path) -> None:
    """Run until everything is done but the last line of the journal."""
    append = Journal.append

    def die(journal: Journal, stage: Any, **fields: Any) -> None:
        if stage == "finished":
            raise KeyboardInterrupt
        append(journal, stage, **fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "append", die)
        with pytest.raises(KeyboardInterrupt):
            run(config, folder)


# -- the end -----------------------------------------------------------------------------------


def test_trackers_have_everything_before_a_run_counts_as_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    finished_when: dict[str, bool] = {}

    class Watching(ListTracker):
        def record(self, folder: Path) -> None:
            finished_when["record"] = is_finished(folder)
            super().record(folder)

        def close(self) -> None:
            finished_when["close"] = is_finished(folder)
            super().close()

    tracker = use(Watching(), monkeypatch)
    run(RunConfig(env_settings=SMALL), folder)
    assert finished_when == {"record": False, "close": False}
    assert tracker.recorded == [folder]
    assert is_finished(folder)


def test_what_a_dead_run_sent_at_its_end_is_sent_again_and_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder ends up as that of a run that did not die; its id is drawn anew for each run."""
    monkeypatch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 8)
    config = RunConfig(env_settings=SMALL)
    whole = use(ListTracker(), monkeypatch)
    run(config, tmp_path / "whole")
    first = use(ListTracker(), monkeypatch)
    die_at_the_end(config, tmp_path / "run")
    again = use(ListTracker(), monkeypatch)
    assert resume(tmp_path / "run") == read_result(tmp_path / "whole")
    assert first.logged == whole.logged
    assert again.logged == whole.logged[-1:]
    assert first.recorded == again.recorded == [tmp_path / "run"]
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_tensorboard_keeps_all_steps_and_repeats_the_exam_only(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    die_at_the_end(RunConfig(env_settings=SMALL, trackers={"tensorboard": {}}), folder)
    before = shown_by_tensorboard(folder / "tensorboard")
    resume(folder)
    assert shown_by_tensorboard(folder / "tensorboard", repeated=("test/",)) == before
    assert list(before["accuracy"]) == [0, 1, 2]
    assert list(before["test/gain"]) == [2]


# -- the start ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trackers", "package"),
    [({"wandb": {"mode": "offline"}}, "wandb"), ({"tensorboard": {}}, "tensorboardX")],
)
def test_a_missing_package_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trackers: dict[str, Any], package: str
) -> None:
    folder, config = tmp_path / "run", RunConfig(env_settings=SMALL, trackers=trackers)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed; .*teachgym\["):
        run(config, folder, make=never)
    assert list(tmp_path.iterdir()) == []
    record = {"id": "0", "spec": "", "versions": versions(), "commit": commit()}
    RunFolder.create(folder, {"config": config.to_json(), **record})
    with pytest.raises(MissingExtraError, match=f"{package} is not installed"):
        resume(folder, make=never)


def never(*names: Any, **settings: Any) -> Any:
    pytest.fail("an environment was made")


def test_a_package_that_is_not_used_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("wandb", "tensorboardX"):
        monkeypatch.setitem(sys.modules, package, None)
    check_installed({"wandb": {"mode": "disabled"}})
    check_installed({})


def test_what_was_opened_is_closed_when_the_next_tracker_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed = ListTracker(), []

    def make(name: str, **settings: Any) -> gym.Env[Any, Any]:
        env: gym.Env[Any, Any] = gym.make(name, **settings)
        monkeypatch.setattr(env, "close", lambda: closed.append(name))
        return env

    def fail(*arguments: Any, **settings: Any) -> Any:
        raise OSError("no space left")

    place = "teachgym.runs.trackers"
    monkeypatch.setattr(f"{place}.to_wandb.WandbTracker", lambda *given, **settings: opened)
    monkeypatch.setattr(f"{place}.to_tensorboard.TensorboardTracker", fail)
    trackers = {"wandb": {"mode": "disabled"}, "tensorboard": {}}
    config = RunConfig(env_settings=SMALL, trackers=trackers)
    with pytest.raises(OSError, match="no space left"):
        run(config, tmp_path / "run", make=make)
    assert opened.closed
    assert closed == [config.env]
