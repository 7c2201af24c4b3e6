"""``say-self``: what is stated after several answers each, and what a student makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents import make_teacher, teacher_entry
from teachgym.agents.methods.say_self import SaySelf
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.tasks import make_task
from teachgym.tasks.stated_confidence import split_off
from teachgym.types import Report
from tests.agents.llm.classroom import make_classroom

NO_REPORT = Report((), "val")
FEW = {"train_per_cell": 4, "val_per_cell": 3, "test_per_cell": 3}


class Sampler:
    """Probes of a student that is right in one answer of four, and says so in some of them."""

    def __init__(self, *, poor: bool = False) -> None:
        self.poor, self.asked = poor, list[int]()

    def sample(self, items: Any, *, k: int, temperature: float, seed: int) -> list[list[str]]:
        if self.poor:
            raise BudgetError("nothing is left")
        assert (k, temperature) == (4, 1.0)
        self.asked.append(len(items))
        return [[split_off(e.target)[0], "no sure 9", "no", "? sure 0"] for e in items]


def teacher_of(probes: Any, measure: str = "answer", **settings: Any) -> SaySelf:
    task = make_task("stated-confidence", measure=measure, task="teachgym.testing:ToyTask")
    classroom = make_classroom(per_step=6)[0]
    syllabus = replace(
        classroom.syllabus,
        train=task.examples("train"),
        grade=lambda e, r: float(task.grade(e, r).score),
    )
    known = replace(classroom, syllabus=syllabus, probes=probes)
    return SaySelf(known, samples=4, **settings)


@pytest.mark.parametrize("measure", ["answer", "calibration"])
def test_right_answers_are_stated_with_the_student_s_share_of_them(measure: str) -> None:
    """One of four is 2.5 of ten, rounded to the even 2; whatever the score of the task is."""
    data = teacher_of(Sampler(), measure).act(NO_REPORT)
    assert len(data) == 6
    assert {split_off(e.target)[1] for e in data} == {0.2}
    assert all(e.source == "teacher" and e.provenance.seeds == (e.id,) for e in data)  # type: ignore[union-attr]
    task = make_task("stated-confidence", task="teachgym.testing:ToyTask")
    assert all(task.verify(e) == 1 for e in data)


def test_all_is_certain_where_nobody_is_asked_or_can_pay() -> None:
    asked, poor = teacher_of(None, certain=True), teacher_of(Sampler(poor=True))
    for teacher in (asked, poor):
        teacher.reset(3)
        assert {split_off(e.target)[1] for e in teacher.act(NO_REPORT)} == {1.0}


def test_a_task_that_states_nothing_is_refused() -> None:
    classroom = make_classroom(per_step=6)[0]
    with pytest.raises(ConfigError, match="set task='stated-confidence', and the same mark"):
        SaySelf(replace(classroom, probes=Sampler()))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="finds no confidence in the target"):
        teacher_of(Sampler(), mark="|")


def test_it_teaches_a_student_to_the_end_and_again_the_same() -> None:
    words = teacher_entry("say-self").env["OpenEnded"]
    settings = {"student": "simulated", "examples_per_step": 40, "budget": {"steps": 3}}
    env = gym.make("teachgym/OpenEnded-v0", **words, **settings, task_settings=FEW)
    episodes = [run_episode(env, make_teacher("say-self", env), seed=4) for _ in range(2)]
    actions = [[t.action for t in episode.transitions] for episode in episodes]
    assert actions[0] == actions[1]
    assert all(t.info["data"] for t in episodes[0].transitions)


def test_all_questions_are_asked_at_once_and_taught_in_turn() -> None:
    """Ten questions of which a step holds six: the third step begins with the third question."""
    probes = Sampler()
    teacher = teacher_of(probes, questions=10)
    steps = [teacher.act(NO_REPORT) for _ in range(3)]
    assert probes.asked == [10]
    assert steps[2] == (steps[0] + steps[1])[2:8]
    assert steps[1][4:] == steps[0][:2]
    assert len(set(steps[0] + steps[1])) == 10


def taught(**settings: Any) -> dict[str, float]:
    """What the embedded student's answers and statements are worth after ten steps."""
    env = gym.make(
        "teachgym/OpenEnded-v0",
        task="stated-confidence",
        task_settings={"mark": ",", "val_per_cell": 2, "test_per_cell": 1},
        student="tiny",
        trainer_settings={"epochs": 3},
        gate_settings={"duplicates": "allow"},
    )
    teacher: Any = make_teacher("say-self", env, mark=",", **settings)
    observation, _ = env.reset(seed=0)
    teacher.reset(0)
    for _ in range(10):
        observation, *_, info = env.step(teacher.act(observation))
    found: dict[str, float] = info["metrics"]
    return found


@pytest.mark.slow
def test_a_student_learns_how_sure_to_be_and_answers_as_before() -> None:
    """The calibration error is 0.140, and 0.389 where all was said to be certain.

    They are over the 191 and 190 answers that state a number.
    Of the answers 0.589 and 0.604 are right, of 192 each.
    """
    own, certain = taught(), taught(certain=True)
    assert own["metric/ece"] < certain["metric/ece"] - 0.1
    assert own["metric/brier"] < certain["metric/brier"] - 0.1
    assert abs(own["metric/answer_accuracy"] - certain["metric/answer_accuracy"]) < 0.07
