"""Backward questions, from the engine through a whole run to every place that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.engines import ENGINES
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.experiment import RunConfig, resume, run
from teachgym.loop import run_episode
from teachgym.records import read_examples
from teachgym.report.html import write_run_page
from teachgym.runs import RunFolder
from teachgym.runs.export import export_dataset
from teachgym.runs.trackers.tables import tables
from teachgym.testing import ToyTask, check_engine
from teachgym.types import EXERCISE, Order, Plan, Transition
from tests.runs.dying import Killed, contents, stop_clocks

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "engine": "backward",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 96,
    "budget": {"steps": 2},
}


def test_the_engine_keeps_the_contract() -> None:
    task = ToyTask()
    check_engine(ENGINES.make("backward", task), task)
    check_engine(ENGINES.make("backward", task, settings={"engine": "pool"}), task)


def test_half_of_an_order_leads_back_from_the_other_half() -> None:
    """Of five, three exercises and the questions for the first two."""
    engine = ENGINES.make("backward", ToyTask())
    data = engine.generate(Plan((Order("copy", 5),)), np.random.default_rng(0))
    forward, back = data[:3], data[3:]
    assert [e.kind for e in data] == [EXERCISE] * 3 + ["reversed"] * 2
    for exercise, question in zip(forward, back, strict=False):
        assert question.target == exercise.prompt
        assert question.meta == {"answer": exercise.target}
        assert question.skill == "copy"
        assert question.prompt.endswith(f"answer is: {exercise.target}\n")


def test_wrong_settings_of_the_other_engine_are_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown engine 'pol'\. Did you mean 'pool'"):
        ENGINES.make("backward", ToyTask(), settings={"engine": "pol"})
    with pytest.raises(ConfigError, match="engine 'pool' has no settings; 'size' was given"):
        ENGINES.make(
            "backward", ToyTask(), settings={"engine": "pool", "engine_settings": {"size": 3}}
        )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        _alike(patch)
        run(RunConfig(teacher="uniform", env_settings=SETTINGS), folder)
    return RunFolder.open(folder)


def _alike(patch: pytest.MonkeyPatch) -> None:
    stop_clocks(patch)
    patch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    patch.setattr("teachgym.runs.provenance.commit", lambda: None)


def test_a_run_trains_on_both_kinds_and_a_killed_one_too(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [e.kind for e in read_examples(finished.examples)]
    assert kinds.count("reversed") >= 10
    assert kinds.count("reversed") + kinds.count(EXERCISE) == len(kinds)
    _alike(monkeypatch)

    def die(step: int, transition: Transition) -> None:
        raise Killed

    with pytest.raises(Killed):
        run(RunConfig(teacher="uniform", env_settings=SETTINGS), tmp_path / "run", observers=[die])
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == contents(finished.path)


@pytest.mark.slow
def test_page_export_and_trackers_tell_kinds_apart(finished: RunFolder, tmp_path: Path) -> None:
    assert "reversed" in write_run_page(finished).read_text()
    exported = export_dataset(finished, tmp_path / "data") / "data" / "train.jsonl"
    rows = [json.loads(line) for line in exported.read_text().splitlines()]
    back = [row for row in rows if row["kind"] == "reversed"]
    assert back
    assert all("answer" in json.loads(row["meta"]) for row in back)
    assert all(row["loss"] is None for row in back)
    table = next(t for t in tables(finished, limit=1000) if t.name == "examples")
    column = [row[table.columns.index("kind")] for row in table.rows]
    assert column.count("reversed") == len(back)


def test_only_exercises_are_asked_before_training_and_teach_a_simulated_student() -> None:
    env = gym.make("teachgym/SkillList-v0", **SETTINGS, pretest=True)
    episode = run_episode(env, make_teacher("uniform", env), seed=0)
    for transition in episode.transitions:
        info = transition.info
        exercises = [e for e in info["data"] if e.kind == EXERCISE]
        assert [p.example.prompt for p in info["pretest"]] == [e.prompt for e in exercises]
        assert len(info["data"]) > len(exercises)
        losses = zip(info["data"], info["losses"], strict=True)
        assert all((loss is None) == (e.kind != EXERCISE) for e, loss in losses)


def test_a_language_model_is_trained_on_them() -> None:
    small = {"student": "tiny", "budget": {"steps": 1}, "limit": 12, "examples_per_step": 32}
    env = gym.make("teachgym/SkillList-v0", **{**SETTINGS, **small})
    episode = run_episode(env, make_teacher("uniform", env), seed=0)
    info = episode.transitions[0].info
    kinds = {e.kind for e, loss in zip(info["data"], info["losses"], strict=True) if loss}
    assert kinds == {EXERCISE, "reversed"}
