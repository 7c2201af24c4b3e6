"""``teachgym train-teacher``: from options to a teacher, its bench, and going on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.bench.suites.held_out import held_out
from teachgym.bridges.grpo.settings import TeacherTraining
from teachgym.cli import app
from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, check_config
from teachgym.runs.config import read_config
from teachgym.students import profile_of
from teachgym.tasks import make_task

QUICK = [
    *("--set", "group=2", "--set", "form.items=2", "--updates", "1", "--quiet"),
    *("--set", 'env.budget={"steps": 1, "examples": 50}', "--set", "env.examples_per_step=50"),
    *("--set", 'env.task_settings={"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1}'),
]


def call(*options: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, ["train-teacher", *options])
    assert result.exit_code == (2 if fails else 0), result.output
    return " ".join(result.output.split())


def test_it_trains_and_the_same_command_goes_on(tmp_path: Path) -> None:
    out = str(tmp_path / "first")
    options = (*QUICK, "--set", "env.texts=false", "--out", out)
    assert call(*options, "--tensorboard") == f"{out}/teacher"
    assert list((tmp_path / "first" / "tensorboard").iterdir())
    metrics = (tmp_path / "first" / "metrics.jsonl").read_text()
    assert call(*options, "--tensorboard") == f"{out}/teacher"
    assert (tmp_path / "first" / "metrics.jsonl").read_text() == metrics
    assert "begun with other settings (seed" in call(*options, "--seed", "3", fails=True)
    config = tmp_path / "first" / "config.json"
    record = json.loads(config.read_text())
    assert record["config"]["stages"][0].pop("apart") is True
    config.write_text(json.dumps(record))  # As of a training from before there was this.
    assert call(*options, "--tensorboard") == f"{out}/teacher"
    assert json.loads(config.read_text()) == record


def test_a_file_has_stages_and_options_override_it(tmp_path: Path) -> None:
    file = tmp_path / "curriculum.toml"
    file.write_text("seed = 4\n[[stages]]\nupdates = 1\n[[stages]]\nupdates = 2\n")
    options = ("--config", str(file), "--out", str(tmp_path / "out"))
    assert "--updates is for one stage" in call(*options, *QUICK, fails=True)
    wrong = call(*options, "--set", "env.student=tiny", "--set", "group=1", fails=True)
    assert "group is 1" in wrong


def test_a_folder_without_runs_is_no_warm_start(tmp_path: Path) -> None:
    assert "holds no run" in call("--warm-start", str(tmp_path), fails=True)


@pytest.mark.parametrize("student", [None, "tiny"])
def test_the_bench_is_on_seeds_and_bases_of_boards(student: str | None) -> None:
    env = {} if student is None else {"student": student}
    suite = held_out({"trained": "teachers/a", "untrained": "small"}, env, seeds=7)
    assert [arm.name for arm in suite.arms] == ["uniform", "alp", "planned", "trained", "untrained"]
    cells = [cell for cell in suite.cells() if cell.arm.name == "trained"]
    drawn = [cell.config.env_settings["student_settings"]["base"] for cell in cells]
    assert drawn == [0, 1, 2, 3, 4, 0, 1]
    assert json.dumps(suite.to_json())
    assert cells[0].config.env_settings["student"] == (student or "simulated")


def test_no_run_of_the_bench_has_a_student_or_items_of_the_training() -> None:
    """Training: bases 5 and 6, task seed 1,000,000; run s of the bench: base s mod 5, task seed s.

    A short text may be drawn by two seeds: of 192 items hardly one in fifty is.
    """
    met = TeacherTraining().environments()
    suite = held_out({"trained": "teachers/a"}, seeds=6, met=met)
    assert suite.all_seeds == (0, 1, 2, 3, 4, 5)
    runs = [cell.config.env_settings for cell in suite.cells() if cell.arm.name == "trained"]
    trained, benched = ([_identities(own) for own in some] for some in (met, runs))
    assert [len({profile for profile, _ in some}) for some in (trained, benched)] == [2, 5]
    for (profile, items), (other, others) in product(trained, benched):
        assert profile != other
        assert len(items) == len(others) == 192
        assert len(items & others) <= 4


def _identities(env_settings: Mapping[str, Any]) -> tuple[str, set[str]]:
    """The character of the student and the items of val that an environment has."""
    profile = profile_of("simulated", env_settings["student_settings"])
    assert profile is not None
    task = make_task(
        "arithmetic-and-strings", val_per_cell=2, test_per_cell=1, **env_settings["task_settings"]
    )
    return json.dumps(asdict(profile)), {e.identity for e in task.examples("val")}


@pytest.mark.parametrize(
    ("met", "seeds"),
    [
        ([{"student": "simulated"}], [1, 2, 3, 4, 6, 7]),  # base 0, items 0
        ([{"student": "tiny", "student_settings": {"base": 2}}], [1, 3, 4, 5, 6, 8]),
        ([{"student": "small", "task_settings": {"seed": 4}}], [0, 1, 2, 3, 5, 6]),
        ([{"student": "small", "task": "word-problems"}], [0, 1, 2, 3, 4, 5]),
        ([{"student_settings": {"base": 1}, "task_settings": {"seed": 2}}] * 2, [0, 3, 4, 5, 7, 8]),
    ],
)
def test_seeds_that_draw_what_training_has_met_are_left_out(met: Any, seeds: list[int]) -> None:
    suite = held_out({"trained": "teachers/a"}, {"student": "simulated"}, 6, met=met)
    assert list(suite.all_seeds) == seeds


def test_what_cannot_be_held_out_is_said() -> None:
    every = [{"student": "simulated", "student_settings": {"base": base}} for base in range(5)]
    with pytest.raises(ConfigError, match="training has met every base"):
        held_out({"trained": "a"}, met=every)
    for env, told in (
        ({}, "on bases and items that"),
        ({"student": "small"}, "on items that"),
        ({"task": "second-try"}, "on bases that"),
    ):
        assert told in held_out({"trained": "a"}, env).description


def test_the_bench_may_hold_out_the_task_and_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong settings of it are told before anything is trained."""
    conducted: list[Suite] = []
    monkeypatch.setattr(
        "teachgym.cli.bench.conduct_bench", lambda suite, *_: conducted.append(suite)
    )
    loud = [option for option in QUICK if option != "--quiet"]
    out = ("--out", str(tmp_path / "out"), "--test", "1", "--test-set", "student=small")
    wrong = call(*loud, *out, "--test-set", "task=word-problem", fails=True)
    assert "word-problems" in wrong
    assert not (tmp_path / "out").exists()
    call(*loud, "--set", "env.texts=false", *out, "--test-set", "task=word-problems")
    (suite,) = conducted
    met = [*("--test", "1", "--out", str(tmp_path / "met"), "--set", "env.texts=false")]
    met += ["--set", "env.student_settings.base=0"]
    assert "without seeds 0, whose bases or items training has met" in call(*loud, *met)
    assert conducted.pop().all_seeds == (1,)
    assert [arm.name for arm in suite.arms] == ["uniform", "alp", "trained", "untrained"]
    for cell in suite.cells():
        told = cell.config.env_settings
        assert (told["task"], told["student"], told["examples_per_step"]) == (
            "word-problems",
            "small",
            50,
        )


def test_the_example_is_a_curriculum_whose_environments_can_be_made() -> None:
    record = read_config(Path("examples/train_teacher.toml"))
    settings = TeacherTraining.of(record)
    students = [stage.settings_of(0)["student"] for stage in settings.stages]
    assert students == ["simulated", "simulated", "tiny", "small"]
    for stage in settings.stages:
        check_config(RunConfig(env_settings={**stage.settings_of(1), "texts": True}))
