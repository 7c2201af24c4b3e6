"""Parts of a user's own: from a file, a module, an installed package or an object, everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from typer.testing import CliRunner

from teachgym import registry
from teachgym.agents import TEACHERS, make_teacher
from teachgym.cli import app
from teachgym.engines import ENGINES
from teachgym.errors import ConfigError, RunError, UnknownNameError
from teachgym.experiment import RunConfig, resume, run
from teachgym.loop import run_episode
from teachgym.registry import Registry, load_attribute, recorded, reference_of
from teachgym.tasks import make_task
from teachgym.testing import ToyTask
from tests.cli.undrawn import draw_no_bench, draw_nothing

MINE = '''
"""Parts of a user's own."""
from pathlib import Path

import numpy as np

from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.engines.procedural import ProceduralEngine
from teachgym.students.simulated import simulated_student
from teachgym.testing import ToyTask


class Halfway:
    """Most where the student is right half the time."""

    name = "halfway"

    def __init__(self, env, *, floor: float = 0.01):
        self.floor, self.step = floor, 0

    def reset(self, seed):
        self.step = 0

    def act(self, observation):
        if self.step == 1 and Path("die").exists():
            raise KeyboardInterrupt
        self.step += 1
        p = observation["accuracy"].astype(np.float64)
        weights = p * (1 - p) + self.floor
        return (weights / weights.sum()).astype(np.float32)

    def observe(self, transition):
        pass


class Toy(ToyTask):
    """A task."""


class Engine(ProceduralEngine):
    """An engine."""


def double(before, after, cost):
    """A reward."""
    return 2 * (after.accuracy - before.accuracy)


def pupil(task):
    """A student."""
    return simulated_student(task)


def annotated(env, *, floor: "Unheard" = 0.01) -> "Of":
    """Has annotations that only a type checker knows."""
    return Halfway(env, floor=floor)


def broken(env, *, floor: float = 0.01):
    """Has a mistake of its own."""
    return len(3)


def suite():
    """A suite."""
    settings = {
        "student": "simulated",
        "task": "mine.py:Toy",
        "engine": "mine.py:Engine",
        "reward": "mine.py:double",
        "budget": {"steps": 2, "examples": 40},
        "examples_per_step": 20,
    }
    arms = (Arm("uniform", "uniform"), Arm("halfway", "mine.py:Halfway", {"floor": 0.1}))
    return Suite("mine", 1, "mine", arms, env_settings=settings, seeds=1)
'''

TOML = """
teacher = "mine.py:Halfway"
seed = 3

[teacher_settings]
floor = 0.1

[env_settings]
student = "mine.py:pupil"
task = "mine.py:Toy"
engine = "mine.py:Engine"
reward = "mine.py:double"
examples_per_step = 20

[env_settings.budget]
steps = 2
examples = 40
"""

PARTS = ("Halfway", "Toy", "double", "pupil", "Engine")
"""The parts in ``run.toml``, whose digests a run records."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of the checkout, with files of a user's own."""
    draw_nothing(monkeypatch)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "run.toml").write_text(TOML)
    return tmp_path


def teachgym(lab: Path, *arguments: str, code: int = 0, path: Path | None = None) -> str:
    """What the command says when it is given in ``lab``."""
    command = [sys.executable, "-m", "teachgym", *arguments]
    paths = {"PYTHONPATH": str(path)} if path else {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **paths}
    done = subprocess.run(command, cwd=lab, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def here(*arguments: str, code: int = 0) -> str:
    """The same in this process and folder, where nothing hangs on what it has loaded."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done.output


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_files_of_a_users_own_run_by_options_toml_and_gym_make_alike(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab)
    here("run", "--config", "run.toml", "--out", "one", "--quiet")
    small = ("--steps=2", "--examples-per-step=20", "--seed=3", "--student=simulated", "--quiet")
    parts = ("--teacher=mine.py:Halfway", "--task=mine:Toy", "--set=engine=mine.py:Engine")
    own = ("--set=reward=mine.py:double", "--set=teacher.floor=0.1")
    teachgym(lab, "run", *small, *parts, *own, "--out", "two")
    one, two = read(lab / "one" / "result.json"), read(lab / "two" / "result.json")
    assert one["return_"] == two["return_"]
    mine = {name: load_attribute(f"{lab}/mine.py:{name}") for name in ("Halfway", "Toy", "double")}
    env = make_env(task=mine["Toy"](), reward=mine["double"])
    config = RunConfig(teacher=mine["Halfway"], teacher_settings={"floor": 0.1}, seed=3)
    episode = run_episode(env, make_teacher(config.teacher, env, floor=0.1), seed=3)
    assert episode.return_ == one["return_"]
    written = read(lab / "one" / "config.json")
    assert written["config"]["teacher"] == f"{lab}/mine.py:Halfway"
    assert len(written["code"]) == len(PARTS)
    assert len(set(written["code"].values())) == 1


def test_annotations_that_only_a_type_checker_knows_are_let_be(lab: Path) -> None:
    made = make_teacher(f"{lab}/mine.py:annotated", make_env(), floor=0.5)
    assert made.name == "halfway"


def make_env(**settings: Any) -> Any:
    small = {"budget": {"steps": 2, "examples": 40}, "examples_per_step": 20}
    return gym.make("teachgym/SkillList-v0", student="simulated", **small, **settings)


def test_a_run_is_resumed_by_the_recorded_names_and_changed_code_has_to_be_accepted(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab)
    here("run", "--config", "run.toml", "--out", "whole", "--quiet")
    (lab / "die").touch()
    here("run", "--config", "run.toml", "--out", "run", "--quiet", code=130)
    (lab / "die").unlink()
    elsewhere = lab / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    source = lab / "mine.py"
    source.write_text(f"{MINE}\n# Changed.\n")
    said = here("resume", str(lab / "run"), code=2)
    assert f"code: {source}:Halfway: " in said
    assert "--accept code" in said
    teachgym(elsewhere, "resume", str(lab / "run"), "--accept", "code", "--quiet")
    whole, resumed = read(lab / "whole" / "result.json"), read(lab / "run" / "result.json")
    assert resumed["return_"] == whole["return_"]
    assert resumed["student"] == whole["student"] == "pupil"
    assert any(line.startswith("code: ") for line in resumed["accepted"])


def test_a_suite_of_a_users_own_is_benched_with_their_teacher(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab)
    draw_no_bench(monkeypatch)
    assert "halfway" in here("bench", "mine.py:suite", "--workers", "1")
    suite = read(lab / "bench" / "suite" / "suite.json")
    assert suite["arms"][1]["teacher"] == f"{lab}/mine.py:Halfway"
    assert "finished" not in here("bench", "mine.py:suite", "--workers", "1")


def test_an_installed_package_offers_parts_by_entry_points(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of an installed distribution: a module and its metadata."""
    site = lab / "site"
    metadata = site / "curricula-1.2.dist-info"
    metadata.mkdir(parents=True)
    (site / "curricula.py").write_text(MINE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: curricula\nVersion: 1.2\n")
    teachers = "teachers]\nhalfway = curricula:Halfway\nlost = curricula:Lost"
    points = (teachers, "tasks]\nmy-toy = curricula:Toy")
    (metadata / "entry_points.txt").write_text("".join(f"[teachgym.{p}\n" for p in points))
    work = lab / "work"
    work.mkdir()
    small = ("--student=simulated", "--steps=1", "--examples-per-step=20", "--quiet", "--out=run")
    teachgym(work, "run", "--teacher=halfway", "--task=my-toy", *small, path=site)
    written = read(work / "run" / "config.json")
    assert sorted(written["code"]) == ["halfway", "my-toy"]
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(registry, "_installed", cache(registry._installed.__wrapped__))
    listed = here("list", "teachers")
    assert "halfway" in listed
    assert "entry point of curricula 1.2" in " ".join(listed.split())
    assert "Did you mean 'halfway'?" in here("run", "--teacher=halfwya", code=2)
    lost = "teacher 'lost' (entry point of curricula 1.2): unknown attribute 'Lost' of curricula"
    assert "cannot be loaded" in listed
    assert lost in here("run", "--teacher=lost", code=2)


def test_the_how_to_names_the_group_of_every_kind_of_part() -> None:
    root = Path(__file__).parents[1]
    files = [
        f for part in ("teachgym", "agents", "benchmarks") for f in (root / part).rglob("*.py")
    ]
    made = re.compile(r"^[A-Z_]+ = Registry\(\s*\"(.*?)\"", re.M)
    kinds = {kind for file in files for kind in made.findall(file.read_text())}
    page = (root / "docs" / "how-to" / "own.md").read_text()
    told = page.partition("one group for each kind: `teachgym.` and ")[2].partition(":\n")[0]
    groups = {Registry(kind, {}).group.removeprefix("teachgym.") for kind in kinds}
    assert len(groups) == 18
    assert {*re.findall(r"`(\w+)`", told)} == groups


def test_a_mistake_in_the_users_code_is_theirs_and_a_wrong_setting_is_not(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = teachgym(lab, "run", "--student=simulated", "--teacher=mine.py:broken", code=1)
    assert "TypeError: object of type 'int' has no len()" in theirs
    assert "return len(3)" in theirs
    assert "raised inside teacher 'mine.py:broken' (file mine.py)" in theirs
    wrong = ("--teacher=mine.py:broken", "--set=teacher.flor=1")
    monkeypatch.chdir(lab)
    said = here("run", "--student=simulated", *wrong, code=2)
    assert said.strip() == (
        "error: unknown setting 'flor' of teacher 'mine.py:broken'. Did you mean 'floor'? "
        "Known: floor"
    )


class Still:
    """Orders nothing."""

    name = "still"

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> Any:
        return observation["accuracy"] * 0

    def observe(self, transition: Any) -> None: ...


def test_a_run_with_an_object_says_that_it_cannot_be_repeated(tmp_path: Path) -> None:
    small = {"budget": {"steps": 1, "examples": 20}, "student": "simulated"}
    config = RunConfig(teacher=Still(), env_settings={**small, "task": ToyTask()})
    run(config, tmp_path / "run")
    written = read(tmp_path / "run" / "config.json")
    assert written["repeatable"] is False
    assert written["config"]["teacher"] == f"object:{__name__}.Still"
    (tmp_path / "run" / "result.json").unlink()
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run" / "journal.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(RunError, match=r"was begun with an object .*teacher = object:.*Still"):
        resume(tmp_path / "run")


def test_a_class_or_function_that_can_be_imported_is_recorded_by_its_name() -> None:
    assert recorded({"task": ToyTask, "x": [1, "a"]}) == {
        "task": "teachgym.testing.toy:ToyTask",
        "x": [1, "a"],
    }
    assert reference_of(lambda: 3).startswith("object:")


def test_what_json_has_no_word_for_is_recorded_as_the_number_or_text_that_it_is() -> None:
    given = {"n": np.int64(3), "p": [np.float32(0.5), np.bool_(True)], "file": Path("a/b.json")}
    assert json.loads(json.dumps(recorded(given))) == {
        "n": 3,
        "p": [0.5, True],
        "file": "a/b.json",
    }


@pytest.mark.parametrize(
    ("reference", "kind", "said"),
    [
        ("weakset", UnknownNameError, "Did you mean 'weakest'"),
        (3, UnknownNameError, "unknown teacher 3"),
        ("no.such.module:X", ConfigError, "there is no module 'no'"),
        ("no/such/file.py:X", ConfigError, "there is no file"),
        ("teachgym.agents.weakest:Weakset", ConfigError, "Did you mean 'Weakest'"),
        ("object:a.B", ConfigError, "was handed over as an object"),
    ],
)
def test_what_names_nothing_is_answered_with_what_would(
    reference: Any, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        TEACHERS.load(reference)


class Maker:
    """What can be called makes parts, whatever it is."""

    def __call__(self, task: Any, *, size: int = 1) -> str:
        return f"{size}"


@pytest.mark.parametrize("maker", [Maker(), partial(Maker.__call__, None)])
def test_whatever_can_be_called_makes_parts_from_checked_settings(maker: Any) -> None:
    engines = Registry("engine", {}, given=("task",))
    assert engines.make(maker, ToyTask(), settings={"size": 2}) == "2"
    with pytest.raises(ConfigError, match="size is 'x'; it must be an integer"):
        engines.make(maker, ToyTask(), settings={"size": "x"})


def test_a_maker_must_take_what_it_is_given() -> None:
    engines = Registry("engine", {}, given=("task",))
    with pytest.raises(ConfigError, match="must take task before its settings"):
        engines.make(lambda: 3, ToyTask())


@pytest.mark.parametrize(("make", "base"), [(make_task, "Task"), (ENGINES.make, "DataEngine")])
def test_a_part_that_lacks_members_is_told_its_base_class(make: Any, base: str) -> None:
    bare = SimpleNamespace(name="bare", generate=lambda plan, rng: ())
    given = (ToyTask(),) if make == ENGINES.make else ()
    with pytest.raises(ConfigError, match=rf"lacks .*; derive from teachgym\.protocols\.{base}"):
        make(bare, *given)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", ["teacher", "task", "suite"])
def test_a_starting_file_passes_the_test_beside_it_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = here("new", kind, f"my-{kind}")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert sorted(p.name for p in tmp_path.glob("*.py")) == [f"my_{kind}.py", f"test_my_{kind}.py"]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(pytest_, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    command, *arguments = lines["run"].split()
    assert command == "teachgym"
    small = ["--dry-run"] if kind == "suite" else ["--steps=1", "--examples-per-step=9"]
    here(*arguments, *small)
    assert "is there already" in here("new", kind, f"my-{kind}", code=2)
