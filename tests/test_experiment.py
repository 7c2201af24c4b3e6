"""Experiments: the result, the folder, the one look at test, and what is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.engines import ENGINES
from teachgym.envs import TeacherEnv
from teachgym.errors import ConfigError, RunError, TeachgymError, UnknownNameError
from teachgym.experiment import (
    RunConfig,
    config_of,
    draw_curve,
    env_id,
    env_settings,
    read_result,
    resume,
    run,
)
from teachgym.loop import run_episode
from teachgym.metrics import paired_gain
from teachgym.records import by_step, read_examples
from teachgym.runs import RunFolder, load_snapshot
from teachgym.runs.files import read_json, strict
from teachgym.runs.result import RunResult, result_from_json, result_to_json
from teachgym.runs.versions import commit, versions
from teachgym.types import Transition
from tests.runs.dying import Killed, kill_after

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 240,
    "budget": {"steps": 3},
}


def config(**settings: Any) -> RunConfig:
    return RunConfig(**{"env_settings": SMALL, "seed": 5, **settings})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunResult]:
    """A run of ``config()`` and its result."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return RunFolder(folder), run(config(), folder)


# -- the result ----------------------------------------------------------------------------------


def test_progress_is_a_line_per_step_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = RunConfig(env_settings={**SMALL, "budget": {"steps": 2}}, seed=3)
    quiet = run(config, tmp_path / "quiet")
    assert capsys.readouterr().out == ""
    shown = run(config, tmp_path / "shown", progress=True)
    assert steps_shown(capsys) == [1, 2]
    assert (shown.curve, shown.test, shown.return_) == (quiet.curve, quiet.test, quiet.return_)
    with pytest.raises(Killed):
        run(config, tmp_path / "stopped", observers=[kill_after(1)])
    assert steps_shown(capsys) == []
    assert resume(tmp_path / "stopped", progress=True).curve == quiet.curve
    assert steps_shown(capsys) == [1, 2]


def test_an_episode_shows_its_progress_in_environments_of_others_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    env = gym.make("teachgym/SkillList-v0", **SMALL)
    quiet, shown = (
        run_episode(env, make_teacher("uniform", env), seed=5, progress=progress)
        for progress in (False, True)
    )
    assert steps_shown(capsys) == list(range(1, shown.length + 1))
    assert [t.reward for t in shown.transitions] == [t.reward for t in quiet.transitions]
    pole = gym.make("CartPole-v1", max_episode_steps=3)
    run_episode(pole, Pusher(), seed=0, progress=True)
    assert steps_shown(capsys) == [1, 2, 3]


class Pusher:
    """Acts in an environment that is no teacher's."""

    name = "pusher"

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def act(self, observation: object) -> int:
        """To the right."""
        return 1

    def observe(self, transition: Transition) -> None:
        """Nothing to learn."""


def steps_shown(capsys: pytest.CaptureFixture[str]) -> list[int]:
    """The numbers of the steps that were printed since the last call."""
    lines = capsys.readouterr().out.splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("step")]


def test_the_result_is_that_of_the_episode_and_one_exam(
    finished: tuple[RunFolder, RunResult],
) -> None:
    """The same numbers as from the loop, the environment and ``paired_gain`` by hand."""
    _, result = finished
    env = gym.make("teachgym/SkillList-v0", **SMALL)
    base: Any = env.unwrapped
    episode = run_episode(env, make_teacher("weakest", env), seed=5)
    before, after = base.examine()
    assert result.return_ == episode.return_
    assert result.curve == base.state.curve
    assert (result.steps, result.stop_reason) == (3, "steps")
    assert result.best_step == base.state.best.step
    assert result.val.before == result.curve[0]
    assert result.val.after == result.curve[result.best_step]
    assert (result.test.before, result.test.after) == (before.overall, after.overall)
    assert result.test.gain == paired_gain(before, after)
    assert result.test.skills_after == after.by_skill()
    assert result.test.gain.mean > 0
    assert asdict(result.spent) | {"seconds": 0} == asdict(base.spent) | {"seconds": 0}
    assert (result.task, result.student) == ("arithmetic-and-strings-v0", "simulated")


def test_a_finished_run_has_everything_on_disk(finished: tuple[RunFolder, RunResult]) -> None:
    folder, result = finished
    assert asdict(read_result(folder.path)) == asdict(result)
    assert config_of(folder.path) == config()
    record = read_json(folder.config)
    assert gym.envs.registration.EnvSpec.from_json(record["spec"]).kwargs == SMALL
    assert record["versions"]["numpy"] == np.__version__
    assert not folder.curve.exists()
    assert draw_curve(folder.path).read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.predictions.iterdir())) == result.steps + 3
    assert not [path for path in folder.path.rglob("*") if path.name.startswith(".")]


def test_the_data_of_a_run_replays_it_on_another_student(
    finished: tuple[RunFolder, RunResult],
) -> None:
    folder, recorded = finished
    data = read_examples(folder.examples)
    env = gym.make("teachgym/OpenEnded-v0", **SMALL)
    env.reset(seed=5)
    rewards = [env.step(batch)[1] for batch in by_step(data)]
    # The noise of the simulated student's training comes from the seed, which is the same.
    assert sum(map(float, rewards)) == pytest.approx(recorded.return_)
    engine = ENGINES.make("replay", env.unwrapped.task, settings={"path": str(folder.path)})  # type: ignore[attr-defined]
    assert engine is not None


def test_each_line_of_the_data_is_an_object_with_the_same_keys(
    finished: tuple[RunFolder, RunResult],
) -> None:
    folder, result = finished
    lines = folder.examples.read_text().splitlines()
    keys = {tuple(json.loads(line)) for line in lines}
    assert len(keys) == 1
    assert len(lines) == result.spent.examples


def test_the_exported_student_starts_where_the_best_one_ended(
    finished: tuple[RunFolder, RunResult],
) -> None:
    folder, result = finished
    profile = str(folder.student / "profile.json")
    env = gym.make("teachgym/SkillList-v0", **SMALL, student_settings={"profile": profile})
    env.reset(seed=0)
    assert env.get_wrapper_attr("state").curve[0] == result.val.after


def test_a_snapshot_of_a_run_continues_in_a_new_environment(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(config(), tmp_path / "run", observers=[kill_after(2)])
    env = gym.make("teachgym/SkillList-v0", **SMALL)
    env.reset(seed=0)
    env.get_wrapper_attr("restore")(load_snapshot(RunFolder(tmp_path / "run"), 2))
    base = env.unwrapped
    assert isinstance(base, TeacherEnv)
    assert (base.state.step, base.spent.steps) == (2, 2)
    assert env.step(env.action_space.sample())[2]


def test_results_with_unmeasured_numbers_can_be_written_and_read(
    finished: tuple[RunFolder, RunResult],
) -> None:
    _, result = finished
    record = result_to_json(result)
    record["test"]["skills_before"]["copy"] = {"n": 0, "mean": math.nan, "stderr": math.nan}
    record["return_"] = math.nan  # As of a reward of one's own.
    again = result_from_json(json.loads(json.dumps(strict(record), allow_nan=False)))
    assert math.isnan(again.test.skills_before["copy"].mean)
    assert math.isnan(again.return_)
    assert again.test.gain == result.test.gain
    assert again.curve == result.curve


# -- what is refused -----------------------------------------------------------------------------


def test_a_folder_with_a_run_is_not_overwritten(finished: tuple[RunFolder, RunResult]) -> None:
    folder, _ = finished
    with pytest.raises(RunError, match="teachgym resume"):
        run(config(), folder.path)


def test_what_is_missing_or_not_finished_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        resume(tmp_path)
    with pytest.raises(Killed):
        run(config(), tmp_path / "run", observers=[kill_after(1)])
    with pytest.raises(RunError, match="not finished; continue with"):
        draw_curve(tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"env_settings": {"exampels_per_step": 3}},
            ConfigError,
            "Did you mean 'examples_per_step'",
        ),
        ({"env_settings": {"examples_per_step": "many"}}, ConfigError, "must be an integer"),
        ({"env_settings": {"student": 3}}, UnknownNameError, "unknown student 3"),
        ({"env_settings": {"budget": {"steps": "few"}}}, ConfigError, "must be an integer"),
        ({"env": "teachgym/SkilList-v0"}, UnknownNameError, "unknown environment"),
        ({"teacher": "weekest"}, UnknownNameError, "Did you mean 'weakest'"),
        ({"teacher": "alternating"}, ConfigError, "is for SkillTree"),
        ({"teacher_settings": {"pow": 2}}, ConfigError, "Did you mean 'power'"),
        ({"trackers": {"wandbb": {}}}, UnknownNameError, "Did you mean 'wandb'"),
        ({"trackers": {"wandb": {"modus": "offline"}}}, ConfigError, "Known: finish_seconds"),
        ({"trackers": {"wandb": "offline"}}, ConfigError, "a table of settings"),
        ({"seed": -1}, ConfigError, "0 or more"),
        ({"seed": "one"}, ConfigError, "an integer"),
        ({"sed": 1}, ConfigError, "Did you mean 'seed'"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_is_written(
    tmp_path: Path, settings: dict[str, Any], error: type[TeachgymError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(RunConfig.of({"env_settings": SMALL, **settings}), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# -- names, teachers, versions -------------------------------------------------------------------


def test_environments_have_short_names_and_settings_with_defaults() -> None:
    assert env_id("SkillTree") == "teachgym/SkillTree-v0"
    assert env_id("teachgym/OpenEnded-v0") == "teachgym/OpenEnded-v0"
    known = env_settings("teachgym/SkillTree-v0")
    assert known["max_subskills"] == 8
    assert known["student"] == "tiny"
    assert "settings" not in known


def test_the_pool_teacher_takes_its_pool_from_a_file_or_from_the_task(tmp_path: Path) -> None:
    small = {**SMALL, "examples_per_step": 60}
    chosen = config(env="teachgym/OpenEnded-v0", teacher="pool", env_settings=small)
    result = run(chosen, tmp_path / "task")
    data = read_examples(tmp_path / "task" / "examples.jsonl")
    assert 0 < len(data) == result.spent.examples
    assert {e.provenance.step for e in data if e.provenance} == {1, 2}  # then the pool is empty
    path = str(tmp_path / "task" / "examples.jsonl")
    again = replace(chosen, teacher_settings={"pool": path})
    run(again, tmp_path / "file")
    reused = read_examples(tmp_path / "file" / "examples.jsonl")
    assert {e.prompt for e in reused} == {e.prompt for e in data}


def test_versions_are_of_what_is_installed() -> None:
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["gymnasium"] == gym.__version__


def test_the_commit_is_that_of_the_checkout_and_says_if_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    assert commit(tmp_path) is None
    git("init", "--quiet")
    (tmp_path / "__init__.py").write_text("")
    assert commit(tmp_path) is None  # a repository, but not of the package
    git("add", "__init__.py")
    git("commit", "--quiet", "--message", "first")
    expected = git("rev-parse", "HEAD").strip()
    assert commit(tmp_path) == expected
    (tmp_path / "__init__.py").write_text("changed = True")
    assert commit(tmp_path) == f"{expected}-dirty"
