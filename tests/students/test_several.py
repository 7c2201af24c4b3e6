"""Several students as one: the same data, a report of all, the mean or the worst gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import TEACHERS
from teachgym.assembly import check_config
from teachgym.errors import ConfigError, UnknownNameError, UnsupportedError
from teachgym.evaluation import GenerateAndGrade
from teachgym.experiment import RunConfig, read_result, resume, run
from teachgym.gate.checks import CHECKS, asks_student
from teachgym.rewards import accuracy_gain, worst_student_gain
from teachgym.runs import RunFolder
from teachgym.students import make_student
from teachgym.students.several import SeveralStudents
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.training import make_trainer
from teachgym.training.several import SeveralTrainer
from teachgym.types import Cost, Prediction, Report

STUDENTS: dict[str, Any] = {
    "plain": {"student": "simulated"},
    "noisy": {"student": "simulated", "student_settings": {"noise": 0.5}},
}
TOY: dict[str, Any] = {"task": "teachgym.testing.toy:ToyTask"}


@pytest.fixture
def students() -> SeveralStudents:
    made = make_student("several", ToyTask(), students=STUDENTS)
    assert isinstance(made, SeveralStudents)
    return made


def test_a_report_has_the_answers_of_each_student_by_name(students: SeveralStudents) -> None:
    task, evaluator = ToyTask(), GenerateAndGrade()
    report = evaluator.evaluate(students, task, "val")
    alone = {n: evaluator.evaluate(s, task, "val") for n, s in students.members.items()}
    assert [p.student for p in report.predictions] == ["plain"] * 40 + ["noisy"] * 40
    assert report.by_student() == {name: own.overall for name, own in alone.items()}
    assert report.accuracy == np.mean([own.accuracy for own in alone.values()])
    assert set(report.figures) == {"student/plain", "student/noisy"}
    assert not alone["plain"].by_student()


def test_a_checkpoint_is_one_of_all(students: SeveralStudents) -> None:
    before, task = students.save(), ToyTask()
    assert {name.partition("/")[0] for name in before.arrays} == set(STUDENTS)
    trainer = make_trainer(students)
    trainer.train(students, tuple(task.examples("train")), np.random.default_rng(0))
    assert students.save() != before
    students.restore(before)
    assert students.save() == before


def test_training_is_that_of_each_alone_and_costs_the_sum() -> None:
    """Two tables learn the same eight examples; a training token is charged by each."""
    task = ToyTask(per_cell=1)
    data = tuple(task.examples("train"))[:8]
    members = {"a": TableStudent(half=4), "b": TableStudent(half=8)}
    group = SeveralStudents(members)
    trainers = {"a": RecordingTrainer(), "b": RecordingTrainer()}
    together = SeveralTrainer(trainers)
    price = trainers["a"].cost(members["a"], data)
    assert together.cost(group, data) == price + price
    result = together.train(group, data, np.random.default_rng(1))
    alone = TableStudent(half=8)
    own = RecordingTrainer().train(alone, data, np.random.default_rng(2))
    assert members["b"].save() == alone.save()
    assert result.steps == 2 * own.steps
    assert result.cost.train_tokens == 2 * own.cost.train_tokens


def test_the_worst_student_decides_where_it_is_wanted() -> None:
    """Of two items: a goes from 0 to 1, b from 1/2 to 1/2; mean gain 1/2, worst 0."""
    item = ToyTask(per_cell=1).examples("val")[0]

    def report(*scores: tuple[str, float]) -> Report:
        return Report(tuple(Prediction(item, "", x, student=name) for name, x in scores), "val")

    before = report(("a", 0), ("a", 0), ("b", 1), ("b", 0))
    after = report(("a", 1), ("a", 1), ("b", 1), ("b", 0))
    assert accuracy_gain(before, after, Cost()) == 0.5
    assert worst_student_gain(before, after, Cost()) == 0
    alone = report(("", 0)), report(("", 1))
    assert worst_student_gain(*alone, Cost()) == 1


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"student_settings": {"students": {}}}, ConfigError, "nothing"),
        ({"student_settings": {"students": {"a/b": STUDENTS["plain"]}}}, ConfigError, "'a/b'"),
        ({"student_settings": {"students": {"a": {"student": "tinny"}}}}, UnknownNameError, "tiny"),
        ({"trainer_settings": {"students": {"big": {}}}}, ConfigError, "noisy, plain"),
        ({"student": "simulated", "trainer": "several"}, ConfigError, "one student alone"),
        ({"pretest": True}, ConfigError, "^pretest asks the student about examples"),
        ({"gate_settings": {"known": "reject"}}, ConfigError, "known='reject' asks the student"),
        ({"rehearsal": 0.5}, ConfigError, "^rehearsal asks the student"),
    ],
)
def test_what_cannot_be_is_said(settings: Any, error: type[Exception], text: str) -> None:
    several = {} if "student" in settings else {"student_settings": {"students": STUDENTS}}
    with pytest.raises(error, match=text):
        gym.make("teachgym/SkillList-v0", **TOY, **{"student": "several", **several, **settings})


@pytest.mark.parametrize("name", CHECKS)
def test_checks_that_ask_one_student_are_refused_before_there_are_several(name: str) -> None:
    settings = {**TOY, "student": "several", "student_settings": {"students": STUDENTS}}
    config = RunConfig(teacher="uniform", env_settings={**settings, "gate_checks": [name]})
    if name in ("hides-target", "random", "diverse"):
        check_config(config)
        return
    with pytest.raises(ConfigError, match=f"^gate check '{name}' asks the student"):
        check_config(config)


def test_teachers_that_ask_one_student_are_refused_before_there_are_several() -> None:
    """Those that were found to ask in some step, with chat models or without."""
    asking = {
        *("llm2llm", "pgkd", "llm-pgkd", "uncertainty-proposer", "difficulty-proposer"),
        *("exam-dpo", "tailored", "say-self", "interventions", "guidance", "lbt", "knowledge"),
    }
    chat = {"provider": "python", "model": "anything:at_all"}
    refused = set()
    for name, entry in TEACHERS.items():
        settings = {"student": "several", "student_settings": {"students": STUDENTS}}
        config = RunConfig(
            env=f"teachgym/{entry.kinds[0].env}-v0", teacher=name, env_settings=settings, chat=chat
        )
        try:
            check_config(config)
        except ConfigError as error:
            if "asks the student about examples, and student is 'several'" in str(error):
                refused.add(name)
    assert refused == asking


def test_a_check_that_asks_the_writer_alone_is_allowed() -> None:
    assert not asks_student({"name": "llkd-like", "signals": "writer"})
    assert asks_student({"name": "llkd-like", "signals": "student"})


def test_probes_are_refused_for_who_answers_differently(students: SeveralStudents) -> None:
    with pytest.raises(UnsupportedError, match="members"):
        students.generate([])


def test_a_run_of_several_students_is_resumed_exactly(tmp_path: Path) -> None:
    settings = {**TOY, "student": "several", "student_settings": {"students": STUDENTS}}
    rules = {"reward": "worst_student", "budget": {"steps": 3}, "examples_per_step": 16}
    config = RunConfig(teacher="uniform", env_settings={**settings, **rules})
    whole = run(config, tmp_path / "whole")
    assert {p.name for p in RunFolder(tmp_path / "whole").student.iterdir()} == set(STUDENTS)

    def die(step: int, transition: Any) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "cut", observers=[die])
    assert resume(tmp_path / "cut").curve == whole.curve
    assert read_result(tmp_path / "cut").return_ == whole.return_
    examples = [(tmp_path / run / "examples.jsonl").read_bytes() for run in ("whole", "cut")]
    assert examples[0] == examples[1]
