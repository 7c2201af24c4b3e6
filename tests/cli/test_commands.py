"""The command line, through typer's runner and, where a process matters, in one of its own."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import teachgym
from teachgym.agents import TEACHERS
from teachgym.cli import app, configuring, main
from teachgym.cli.catalogue import LISTINGS
from teachgym.cli.run import _again as teach_again
from teachgym.cli.run import prepare_process, say
from teachgym.envs.config import EnvConfig
from teachgym.errors import ConfigError
from teachgym.experiment import (
    RunConfig,
    check_config,
    config_of,
    env_settings,
    is_finished,
    read_result,
)
from teachgym.types import Budget
from tests.cli.undrawn import draw_nothing

FAST = (
    "--student=simulated",
    "--steps=2",
    "--examples-per-step=20",
    '--set=task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}',
)

STEPS = EnvConfig.budget.steps
PER_STEP = env_settings("teachgym/SkillList-v0")["examples_per_step"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a folder of one's own, and leave the environment variables as they were."""
    monkeypatch.chdir(tmp_path)
    draw_nothing(monkeypatch)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``FAST``."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        assert teach("run", *FAST, f"--out={folder}").exit_code == 0
    return folder


@pytest.fixture
def taken(finished: Path, tmp_path: Path) -> None:
    """The folder ``run`` holds it."""
    copytree(finished, tmp_path / "run")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """The configurations of runs, which are not begun."""
    configs: list[RunConfig] = []
    monkeypatch.setattr(
        "teachgym.cli.commands.conduct", lambda config, *_, **__: configs.append(config)
    )
    return configs


def teach(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)


def test_a_run_shows_its_steps_the_table_and_where_everything_is() -> None:
    outcome = teach("run", *FAST)
    assert outcome.exit_code == 0, outcome.output
    folder = Path("runs/SkillList-simulated-weakest-0")
    result = read_result(folder)
    assert "step   1  val accuracy " in outcome.output
    assert "weakest teaches simulated student in teachgym/SkillList-v0, seed 0" in outcome.output
    assert f"{result.test.gain.mean:+.3f} ± {result.test.gain.stderr:.3f}" in outcome.output
    for name in ("examples.jsonl", "curve.png", "student"):
        assert str(folder / name) in outcome.output
        assert (folder / name).exists()
    assert outcome.output.endswith(f"\npage            teachgym report {folder}\n")


def test_the_default_folder_is_numbered_when_it_is_taken() -> None:
    for expected in ("runs/SkillList-simulated-weakest-0", "runs/SkillList-simulated-weakest-0-2"):
        outcome = teach("run", *FAST, "--quiet")
        assert outcome.stdout == f"{expected}\n"
        assert is_finished(Path(expected))


@pytest.mark.parametrize(
    ("env", "teacher"),
    [("SkillList", "weakest"), ("SkillTree", "fill-and-balance"), ("OpenEnded", "pool")],
)
def test_every_environment_has_a_teacher_by_default(
    env: str, teacher: str, chosen: list[RunConfig]
) -> None:
    assert teach("run", *FAST, "--env", env).exit_code == 0
    [config] = chosen
    assert config.teacher == teacher
    check_config(config)


def test_options_override_the_file() -> None:
    Path("run.toml").write_text(
        """
        env = "SkillList"
        teacher = "alp"
        seed = 3
        [env_settings]
        student = "simulated"
        training = "scratch"
        examples_per_step = 20
        budget = {steps = 5, train_tokens = 90000}
        task_settings = {val_per_cell = 1, test_per_cell = 1, train_per_cell = 1}
        [teacher_settings]
        memory = 0.25
        """
    )
    options = ("--seed=4", "--steps=2", "--set=teacher.exploration=0.5", "--set=reward=per_skill")
    outcome = teach("run", "--config=run.toml", "--out=run", *options)
    assert outcome.exit_code == 0, outcome.output
    chosen = config_of(Path("run"))
    assert (chosen.env, chosen.teacher, chosen.seed) == ("teachgym/SkillList-v0", "alp", 4)
    assert chosen.teacher_settings == {"memory": 0.25, "exploration": 0.5}
    assert chosen.env_settings["budget"] == {"steps": 2, "train_tokens": 90000}
    assert chosen.env_settings["training"] == "scratch"
    assert chosen.env_settings["reward"] == "per_skill"


@pytest.mark.parametrize(
    ("settings", "limits", "expected"),
    [
        ({}, {}, None),
        ({}, {"steps": 3}, {"steps": 3, "examples": 3 * PER_STEP}),
        ({"examples_per_step": 50}, {}, {"steps": STEPS, "examples": STEPS * 50}),
        ({"examples_per_step": 50}, {"examples": 99}, {"steps": STEPS, "examples": 99}),
        (
            {},
            {"train_tokens": 7},
            {"steps": STEPS, "examples": STEPS * PER_STEP, "train_tokens": 7},
        ),
        ({"budget": {"seconds": 60}}, {"examples": 5}, {"seconds": 60, "examples": 5}),
    ],
)
def test_examples_follow_steps_unless_a_budget_is_given(
    settings: dict[str, Any], limits: dict[str, float], expected: dict[str, float] | None
) -> None:
    record: dict[str, Any] = {"env_settings": dict(settings)}
    configuring.override_budget(record, limits)
    assert record["env_settings"].get("budget") == expected


def test_values_are_json_or_text() -> None:
    pairs = ["a=1", "b=scratch", 'c={"d": [2]}', "e=x=y", "f=null"]
    expected = {"a": 1, "b": "scratch", "c": {"d": [2]}, "e": "x=y", "f": None}
    assert configuring.parse_pairs(pairs) == expected


def test_proposed_options_are_read_as_the_settings_that_they_are_made_of() -> None:
    """Names with dots and signs, and texts that look like numbers."""
    told: dict[str, Any] = {
        "task_settings": {"path": "1", "shares": {"a.b": 0.5, "x=y": 1.0}, "of": {"ä": [1, "é"]}},
        "skills": "my skills.json",
        "reward": '"quoted"',
        "limit": None,
    }
    words = shlex.split(configuring.as_options(told))
    read: dict[str, Any] = {}
    configuring.override(read, configuring.parse_pairs(words[1::2]))
    assert words[::2] == ["--set"] * (len(words) // 2)
    assert read == told


def test_a_setting_can_be_set_to_nothing(chosen: list[RunConfig]) -> None:
    assert teach("run", *FAST, "--set=target_accuracy=null").exit_code == 0
    [config] = chosen
    assert config.env_settings["target_accuracy"] is None
    check_config(config)


def test_a_path_through_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed is 3, not a table"):
        configuring.override({"seed": 3}, {"seed.inner": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--set=exampels_per_step=3"], "Did you mean 'examples_per_step'"),
        (["run", "--set=teacher.pow=3", *FAST], "Did you mean 'power'"),
        (["run", "--set=training"], "is not KEY=VALUE"),
        (["run", "--budget=stepz=3"], "Did you mean 'steps'"),
        (["run", "--budget=steps=abc"], "steps is 'abc'; it must be an integer"),
        (["run", "--set=budget=9"], "budget is 9; it must be a table"),
        (
            ["run", "--set=examples_per_step=abc"],
            "examples_per_step is 'abc'; it must be an integer",
        ),
        (["run", "--teacher=weekest"], "Did you mean 'weakest'"),
        (["run", "--env=SkilList"], "Did you mean 'SkillList'"),
        (["run", "--student=simulated", "--task=arithmetic"], "unknown task"),
        (["run", "--wandb=ofline"], "Did you mean 'offline'"),
        (["run", "--config=none.toml"], "cannot be read"),
        (["run", "--config=none.yaml"], "give .toml or .json"),
        (["resume", "nowhere"], "holds no run"),
        (["report", "nowhere"], "holds no run"),
        (["list", "teecher"], "Did you mean 'teachers'"),
        (["new", "teacher", "random"], "name is 'random', which Python has for something else"),
        (["new", "teacher", "class"], "name is 'class', which Python has"),
        (["new", "suite", "numpy"], "name is 'numpy', which Python has"),
        (["bench", "smoke", "--set=keep.predictions=all"], "leave --set keep... out"),
        (["discover", "--method=gold", "--out=/proc/x/skills.json"], "/proc/x: "),
        (["tune", "plr", "--save=/proc/x/tuned.json"], "/proc/x: "),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    outcome = teach(*arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert outcome.stderr.startswith("error: ")
    assert outcome.stderr.count("\n") == 1
    assert "Traceback" not in outcome.output
    assert not Path("runs").exists()


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("seed = ")
    outcome = teach("run", "--config=run.toml")
    assert outcome.exit_code == 2
    assert "run.toml is not valid" in outcome.stderr


def test_an_interrupted_run_says_how_to_go_on_and_does(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teachgym.training.simulated import SimulatedTrainer

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedTrainer, "train", _interrupt)
        outcome = teach("run", *FAST, "--out=run")
    assert outcome.exit_code == 130
    assert "stopped; continue with: teachgym resume run" in outcome.output
    assert "teachgym resume run" in teach("report", "run").stderr
    outcome = teach("resume", "run")
    assert outcome.exit_code == 0, outcome.output
    assert is_finished(Path("run"))
    assert read_result(Path("run")).test == read_result(finished).test


def test_a_run_that_was_stopped_before_there_was_one_is_not_to_be_continued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("teachgym.experiment.assemble", _interrupt)
    Path("run").mkdir()
    outcome = teach("run", *FAST, "--out=run")
    assert (outcome.exit_code, outcome.stderr) == (130, "")


def test_a_run_whose_output_nobody_reads_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``| head -1``: rich ends the process at the first line that nobody takes."""

    def unread(*_: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr("teachgym.progress.LiveProgress.observe", unread)
    outcome = teach("run", *FAST, "--out=run")
    assert outcome.exit_code == 1
    said = "nobody reads what is printed; continue with: teachgym resume run\n"
    assert outcome.stderr == said


def test_a_finished_run_is_shown_though_its_curve_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/curve.png")

    monkeypatch.setattr("teachgym.experiment.draw_curve", full)
    outcome = teach("run", *FAST, "--out=run")
    assert outcome.exit_code == 2
    assert "best student    run/student" in outcome.stdout
    assert outcome.stderr.startswith("error: run/curve.png: No space left")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_sign_is_too_much_for_a_terminal(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    printed = io.BytesIO()
    with io.TextIOWrapper(printed, encoding=encoding) as output:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr("teachgym.cli.commands.app", lambda: say("0.5 ± 0.1 │"))
        main()
        output.flush()
        assert printed.getvalue().decode(encoding).startswith("0.5 ")


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("taken")
def test_resuming_a_finished_run_says_so_and_does_nothing() -> None:
    before = (Path("run") / "journal.jsonl").read_bytes()
    outcome = teach("resume", "run")
    assert outcome.exit_code == 0
    assert "is finished, there is nothing to do" in outcome.output
    assert (Path("run") / "journal.jsonl").read_bytes() == before


@pytest.mark.usefixtures("taken")
def test_a_report_shows_the_table_and_draws_the_curve_again() -> None:
    curve = Path("run/curve.png")
    drawn = curve.read_bytes()
    curve.unlink()
    assert "best on val" in teach("report", "run").output
    assert curve.read_bytes() == drawn
    assert "| test |" in teach("report", "run", "--markdown").output


@pytest.mark.usefixtures("taken")
def test_a_run_is_no_bench() -> None:
    for command in ("report run run", "report run --agreement run", "export run --minari x"):
        outcome = teach(*command.split())
        assert outcome.exit_code == 2
        assert "bench" in outcome.stderr
        assert "restore" not in outcome.stderr


def test_the_command_about_a_folder_that_is_named_like_an_option_can_be_given() -> None:
    outcome = teach("run", *FAST, "--out=-x")
    assert "teachgym report ./-x" in outcome.output
    assert teach("report", "./-x").exit_code == 0


@pytest.mark.usefixtures("taken")
def test_a_run_in_a_taken_folder_is_refused() -> None:
    outcome = teach("run", *FAST, "--out=run")
    assert outcome.exit_code == 2
    assert "teachgym resume" in outcome.stderr


def test_everything_that_can_be_named_is_listed() -> None:
    output = teach("list").output
    named = [*teachgym.ENV_IDS, *TEACHERS, "tiny", "arithmetic-and-strings", "procedural"]
    for name in [*named, "accuracy_gain"]:
        assert name in output
    assert ", ".join(LISTINGS)[:40] in " ".join(teach("list", "--help").output.split())
    only = teach("list", "rewards").output
    assert "accuracy_gain" in only
    assert "weakest" not in only


def test_the_lists_are_there_without_any_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``pip install .``, where a task for mathematics and a server's client cannot run."""
    monkeypatch.setattr("teachgym.errors.find_spec", lambda name: None)
    for kind, name, about in (
        ("tasks", "gsm8k", "Grade-school word problems"),
        ("chat", "openai", "A model at a server"),
    ):
        outcome = teach("list", kind)
        assert outcome.exit_code == 0, outcome.output
        assert name in outcome.output
        assert about in outcome.output


def test_a_tracker_of_ones_own_is_named_as_other_parts_are() -> None:
    record: dict[str, Any] = {}
    configuring.override_settings(record, {"trackers.lines": "mine.py:Lines", "wandb.rows": 3})
    assert record == {"trackers": {"lines": "mine.py:Lines", "wandb": {"rows": 3}}}
    for command in (("run", *FAST), ("bench", "smoke", "--dry-run")):
        refused = teach(*command, "--set=trackers.lines=mine.py:Lines")
        assert refused.exit_code == 2
        assert "there is no file" in refused.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"student": "tiny"}, "teachgym run --student 'my runs/student'"),
        ({"student": "small", "task": "a b.py:T"}, "--student 'my runs/student' --task 'a b.py:T'"),
        ({"student": "mine.py:habit"}, ""),
        ({"student": "several"}, ""),
    ],
)
def test_the_command_that_teaches_a_student_on_can_be_given_where_there_is_one(
    settings: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows how to load what a student of somebody's own, or several, have written."""
    config = RunConfig(env_settings=settings)
    monkeypatch.setattr("teachgym.experiment.config_of", lambda folder: config)
    again = teach_again(Path("my runs"))
    assert again.endswith(said)
    assert bool(again) == bool(said)


def test_the_list_of_teachers_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns, the width of a terminal of old, all words of a row are there in full."""
    monkeypatch.setenv("COLUMNS", "80")
    output = teach("list", "teachers").output
    assert "…" not in output
    for word in ("exploration=0.2", "gains of what it", "noise_floor=0.0", "tscl-sampling"):
        assert word in output
    assert "built-in" not in output


def test_the_version_and_the_help_are_there() -> None:
    assert teach("--version").output == f"teachgym {teachgym.__version__}\n"
    output = teach("run", "--help").output
    for option in ("--env", "--student", "--budget", "--set", "--wandb", "Examples:"):
        assert option in output


def test_the_help_states_the_defaults() -> None:
    output = teach("run", "--help").output
    known = env_settings("teachgym/SkillList-v0")
    for default in (STEPS, PER_STEP, known["student"], known["task"]):
        assert f"[default: ({default})]" in output
    assert EnvConfig.budget == Budget(steps=STEPS, examples=STEPS * PER_STEP)


def test_threads_are_one_unless_told_otherwise(
    chosen: list[RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for options, expected in ((), "1"), (("--threads=3",), "3"), ((), "3"):
        assert teach("run", *FAST, *options).exit_code == 0
        assert os.environ["OMP_NUM_THREADS"] == expected
    assert len(chosen) == 3


def test_files_in_the_working_folder_are_found_and_hide_nothing_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user may have a numbers.py, or stand in a checkout while another version is installed."""
    for name in ("antigravity", "only_here"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    prepare_process(None)
    importlib.invalidate_caches()
    found = {name: find_spec(name) for name in ("antigravity", "only_here")}
    assert found["only_here"] is not None
    assert found["antigravity"] is not None
    assert Path(str(found["only_here"].origin)).parent == tmp_path
    assert Path(str(found["antigravity"].origin)).parent != tmp_path


@pytest.mark.slow
def test_wandb_offline_gets_the_metrics_of_a_real_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    command = [sys.executable, "-m", "teachgym", "run", *FAST, "--out=run", "--wandb=offline"]
    own = {f"WANDB_{name}_DIR": str(tmp_path) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [*command, "--quiet"], env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run\n"
    (record,) = Path("run/wandb").glob("offline-run-*/run-*.wandb")
    content = record.read_bytes()
    for metric in (b"accuracy", b"reward", b"test/gain"):
        assert metric in content
    id_ = json.loads(Path("run/config.json").read_text())["id"]
    assert record.name == f"run-{id_}.wandb"
