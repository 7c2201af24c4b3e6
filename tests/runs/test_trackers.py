"""Metrics arrive, and losing a tracker never stops a run."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teachgym.errors import ConfigError, MissingExtraError
from teachgym.runs import JsonlTracker, Trackers, WandbTracker
from teachgym.testing import ListTracker


def test_metrics_are_lines_with_a_step(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path / "metrics.jsonl")
    tracker.log({"accuracy": 0.5}, 0)
    tracker.log({"accuracy": 0.75, "loss": math.nan}, 1)
    tracker.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 0, "accuracy": 0.5}, {"step": 1, "accuracy": 0.75, "loss": None}]


def test_several_trackers_get_the_same_and_none_gets_nothing() -> None:
    first, second = ListTracker(), ListTracker()
    both = Trackers(first, second)
    both.log({"accuracy": 0.5}, 1)
    both.close()
    assert first.logged == second.logged == [(1, {"accuracy": 0.5})]
    assert first.closed
    assert second.closed
    Trackers().log({"accuracy": 0.5}, 1)
    Trackers().close()


class _FakeWandb(SimpleNamespace):
    """Loses its connection when the metrics say so."""

    class WandbError(Exception):
        pass

    def __init__(self, *, fails_at_start: bool = False) -> None:
        self.given: dict[str, Any] = {}
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.finished = False

        def init(**settings: Any) -> Any:
            if fails_at_start:
                raise ConnectionError("no route")
            self.given = settings
            return SimpleNamespace(log=self.log, finish=self.finish)

        super().__init__(
            errors=SimpleNamespace(Error=self.WandbError),
            Settings=lambda **settings: settings,
            init=init,
        )

    def log(self, metrics: dict[str, float], step: int) -> None:
        if metrics.get("lost"):
            raise self.WandbError("network is gone")
        self.logged.append((step, metrics))

    def finish(self) -> None:
        self.finished = True


def connect(folder: Path, **settings: Any) -> WandbTracker:
    return WandbTracker("project", "name", config={"seed": 0}, folder=folder, **settings)


def test_losing_wandb_is_a_warning_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = _FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    tracker = connect(tmp_path)
    tracker.log({"accuracy": 0.5}, 1)
    with pytest.warns(UserWarning, match="goes on without it: network is gone"):
        tracker.log({"lost": 1}, 2)
    tracker.log({"accuracy": 0.6}, 3)
    tracker.close()
    assert wandb.logged == [(1, {"accuracy": 0.5})]
    assert not wandb.finished


def test_wandb_that_cannot_be_reached_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", _FakeWandb(fails_at_start=True))
    with pytest.warns(UserWarning, match="no route"):
        tracker = connect(tmp_path)
    tracker.log({"accuracy": 0.5}, 1)
    tracker.close()


def test_the_same_id_goes_on_with_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = _FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    connect(tmp_path, id="abc").close()
    assert (wandb.given["id"], wandb.given["resume"]) == ("abc", "allow")
    assert wandb.finished


def test_wandb_that_is_not_installed_is_said_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[wandb\]'"):
        connect(tmp_path)


def test_an_unknown_mode_is_named_before_wandb_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'offline'"):
        connect(tmp_path, mode="ofline")
