"""A user's own loss, trainer, evaluator, gate check, skills and tracker, from outside."""

from __future__ import annotations

import json
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from typer.testing import CliRunner

from teachgym.agents import make_teacher
from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.suites import make_suite
from teachgym.cli import app
from teachgym.errors import RunError, TeachgymError
from teachgym.experiment import RunConfig, resume, run
from teachgym.loop import run_episode
from teachgym.registry import load_attribute
from teachgym.runs.config import read_config
from teachgym.testing import ToyTask

MINE = '''
"""Parts of a user's own."""
from dataclasses import dataclass, replace

import torch

from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.evaluation import GenerateAndGrade, ask_directly
from teachgym.skills.skill_file import SkillFile
from teachgym.training import make_trainer
from teachgym.training.losses import Loss, Needs, cross_entropy
from teachgym.types import SPLITS, Skill


@dataclass(frozen=True)
class Focal(Loss):
    """Lin et al. 2017 (arXiv 1708.02002), equation 4; rejected responses are pushed away."""

    gamma: float = 2.0
    needs = Needs(rejected=True)

    def __call__(self, logits, targets):
        entropy = cross_entropy(logits, targets)
        return (1 - torch.exp(-entropy)) ** self.gamma * entropy * targets.weights


class Lines:
    """Writes a line a step into the folder of the run."""

    def __init__(self, run):
        self.path = run.path / "lines.txt"

    def log(self, metrics, step):
        with self.path.open("a") as file:
            print(step, sorted(metrics)[0], file=file)

    def record(self, folder):
        pass

    def close(self):
        pass


def twice(student, *, epochs: int = 1):
    """The student's own trainer, for twice as long."""
    return make_trainer(student, epochs=2 * epochs)


class Lenient(GenerateAndGrade):
    """Nothing is quite wrong."""

    def __init__(self, store=None, *, ask=ask_directly, floor: float = 0.1):
        super().__init__(store, ask=ask)
        self.floor = floor

    def predict(self, student, task, examples):
        found = super().predict(student, task, examples)
        return tuple(replace(p, score=max(p.score, self.floor)) for p in found)


def short(example):
    """No target has four letters."""
    return f"target {example.target!r} is too long" if len(example.target) > 3 else None


def halves(task):
    """Two skills: even and odd."""
    skills = (Skill("even"), Skill("odd"))
    named = {e.id: skills[i % 2].name for s in SPLITS for i, e in enumerate(task.examples(s))}
    return SkillFile(task.name, "halves", skills, named)


def suite():
    """A suite."""
    settings = {**SMALL, "trainer_settings": {"loss": f"{__file__}:Focal"}}
    return Suite("mine", 1, "mine", (Arm("uniform", "uniform"),), env_settings=settings, seeds=1)


SMALL = {
    "task": "teachgym.testing:ToyTask",
    "budget": {"steps": 2, "examples": 24},
    "examples_per_step": 12,
}
'''

TOML = """
teacher = "uniform"
seed = 3

[env_settings]
task = "teachgym.testing:ToyTask"
examples_per_step = 12
budget = { steps = 2, examples = 24 }

[env_settings.trainer_settings]
loss = "mine.py:Focal"
loss_settings = { gamma = 1.0 }
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the checkout, with a run in it of a user's own loss."""
    lab = tmp_path_factory.mktemp("lab")
    (lab / "mine.py").write_text(MINE)
    (lab / "run.toml").write_text(TOML)
    teachgym(lab, "run", "--config", "run.toml", "--out", "run", "--quiet")
    return lab


def teachgym(lab: Path, *arguments: str) -> None:
    """Give a command in ``lab``; test_outside.py does so in processes of their own."""
    with chdir(lab):
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def config(lab: Path) -> RunConfig:
    """That of ``run.toml``, wherever it is read."""
    record = read_config(lab / "run.toml")
    record["env_settings"]["trainer_settings"]["loss"] = f"{lab}/mine.py:Focal"
    return RunConfig.of(record)


def die(step: int, transition: Any) -> None:
    """An observer, as if the process had died after the first step."""
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_loss_trains_by_toml_and_as_an_object_alike(lab: Path) -> None:
    written, result = read(lab / "run" / "config.json"), read(lab / "run" / "result.json")
    named = written["config"]["env_settings"]["trainer_settings"]["loss"]
    assert named == f"{lab}/mine.py:Focal"
    assert list(written["code"]) == [named]
    loss = load_attribute(named)(gamma=1.0)
    settings = {**config(lab).env_settings, "trainer_settings": {"loss": loss}}
    env = gym.make("teachgym/SkillList-v0", **settings)
    episode = run_episode(env, make_teacher("uniform", env), seed=3)
    assert episode.return_ == result["return_"]
    settings["trainer_settings"] = {"loss": "sft"}
    env = gym.make("teachgym/SkillList-v0", **settings)
    other = run_episode(env, make_teacher("uniform", env), seed=3)
    losses = [[t.info["losses"] for t in e.transitions] for e in (episode, other)]
    assert losses[0] != losses[1]


def test_a_run_goes_on_with_its_loss_and_notes_that_it_has_changed(lab: Path) -> None:
    folder, source = lab / "again", lab / "mine.py"
    with pytest.raises(KeyboardInterrupt):
        run(config(lab), folder, observers=(die,))
    source.write_text(f"{MINE}\n# Changed.\n")
    with pytest.raises(RunError, match=r"code: .*mine.py:Focal: "):
        resume(folder)
    assert resume(folder, accept=["code"]).return_ == read(lab / "run" / "result.json")["return_"]
    source.write_text(MINE)


def test_a_suite_is_benched_with_its_loss(lab: Path) -> None:
    suite = make_suite(f"{lab}/mine.py:suite")
    (cell,) = run_suite(suite, lab / "bench", partial(map, attempt))
    assert list(read(lab / "bench" / cell.path / "config.json")["code"]) == [f"{lab}/mine.py:Focal"]


PARTS: dict[str, Any] = {
    "trainer": "mine.py:twice",
    "evaluator": "mine.py:Lenient",
    "gate_checks": ["mine.py:short"],
    "skills": "mine.py:halves",
}
"""A part of every kind that is named in the environment's settings."""


def test_trainer_evaluator_check_and_skills_run_by_options_and_as_objects(lab: Path) -> None:
    """Two epochs are charged, no score is below 0.2, targets are short, skills are two."""
    sets = [f"--set={name}={json.dumps(part)}" for name, part in PARTS.items()]
    small = ("--student=simulated", "--task=teachgym.testing:ToyTask", "--steps=2", "--seed=3")
    own = ("--teacher=uniform", "--examples-per-step=12", "--set=evaluator_settings.floor=0.2")
    teachgym(lab, "run", *small, *own, *sets, "--out", "parts", "--quiet")
    written, result = read(lab / "parts" / "config.json"), read(lab / "parts" / "result.json")
    code = [f"{lab}/mine.py:{name}" for name in ("twice", "Lenient", "short", "halves")]
    assert sorted(written["code"]) == sorted(code)
    settings = {
        name: load_attribute(f"{lab}/{part}")
        for name, part in PARTS.items()
        if name != "gate_checks"
    }
    settings["gate_checks"] = (load_attribute(code[2]),)
    settings |= {"evaluator_settings": {"floor": 0.2}, "student": "simulated", "task": ToyTask()}
    env = gym.make("teachgym/SkillList-v0", **settings, examples_per_step=12, budget={"steps": 2})
    episode = run_episode(env, make_teacher("uniform", env), seed=3)
    assert episode.return_ == result["return_"]
    base: Any = env.unwrapped
    assert base.skills == ("even", "odd")
    info = episode.transitions[0].info
    assert {v.reason for v in info["rejected"]} == {"short"}
    assert all(len(e.target) <= 3 for e in info["data"])
    texts = [e.prompt + e.target for e in info["data"]]
    assert info["cost"].train_tokens == 2 * base.student.count_tokens(texts)
    assert min(p.score for p in base.state.report.predictions) == 0.2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trainer": "packd"}, "Did you mean 'packed'"),
        ({"trainer": "packed"}, "cannot train a SimulatedStudent; set trainer='auto'"),
        ({"evaluator": "generate"}, "unknown evaluator 'generate'"),
        (
            {"evaluator": object()},
            "lacks evaluate, predict; derive from teachgym.protocols.Evaluator",
        ),
        ({"evaluator_settings": {"floor": 1}}, "'floor'"),
        ({"gate_checks": ["hides-targets"]}, "Did you mean 'hides-target'"),
        ({"gate_checks": "hides-target"}, "gate_checks is 'hides-target'; it must be a list"),
        ({"skills": "object:mine.Halves"}, "was handed over as an object"),
    ],
)
def test_parts_that_are_none_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(TeachgymError, match=said):
        gym.make("teachgym/SkillList-v0", student="simulated", **settings)


def test_a_tracker_is_a_table_a_reference_or_what_makes_it(lab: Path) -> None:
    """A table under its reference, a reference under any name, or an object: two steps and 0."""
    name = f"{lab}/mine.py:Lines"
    small = {"student": "simulated", "task": ToyTask, "examples_per_step": 12}
    for i, trackers in enumerate(({name: {}}, {"mine": name}, {"mine": load_attribute(name)})):
        settings = {**small, "budget": {"steps": 2}}
        own = RunConfig(teacher="uniform", env_settings=settings, trackers=trackers)
        run(own, lab / f"tracked{i}")
        lines = (lab / f"tracked{i}" / "lines.txt").read_text().splitlines()
        assert [line.split()[0] for line in lines[:3]] == ["0", "1", "2"]
        assert list(read(lab / f"tracked{i}" / "config.json")["code"]) == [name]
    with pytest.raises(TeachgymError, match=r"trackers\.mine is 3; it must be a table"):
        RunConfig(trackers={"mine": 3})
