"""``tailored``: what is handed in after an exam of several answers each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher, teacher_entry
from teachgym.agents.methods.tailored import Tailored
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Report
from tests.agents.llm.classroom import make_classroom

NO_REPORT = Report((), "val")


class Sampler:
    """Probes of a student that gives each exercise the same few answers by skill."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers
        self.poor = False

    def sample(self, items: Any, *, k: int, temperature: float, seed: int) -> list[list[str]]:
        if self.poor:
            raise BudgetError("nothing is left")
        assert (k, temperature) == (4, 1.0)
        return [[a.format(e.target) for a in self.answers[e.skill]] for e in items]


ANSWERS = {
    "linear": ["{0}", "no", "never", "{0}"],  # Right, and wrong in two ways.
    "powers": ["{0}", "{0}", "{0}", "{0}"],
    "geometry": [" ", "", "{0}", "{0}"],  # Nothing that could be learned from.
}


def tailored(sampler: Sampler, **settings: Any) -> Tailored:
    classroom = make_classroom(per_step=6)[0]
    syllabus = replace(
        classroom.syllabus, grade=lambda e, r: float(r.removeprefix("so ") == e.target)
    )
    return Tailored(replace(classroom, syllabus=syllabus, probes=sampler), **settings)  # type: ignore[arg-type]


def test_failed_exercises_come_first_with_the_first_wrong_answer() -> None:
    """Twelve in the pool are all examined; the four of linear are failed, two others fill up."""
    data = tailored(Sampler(ANSWERS)).act(NO_REPORT)
    assert len(data) == 6
    assert [(e.skill, e.rejected) for e in data[:4]] == [("linear", "no")] * 4
    assert all(e.rejected is None and e.skill != "linear" for e in data[4:])
    assert all(e.source == "teacher" and e.provenance.seeds == (e.id,) for e in data)  # type: ignore[union-attr]
    assert all(e.soft_labels == () for e in data)


def test_a_right_answer_in_other_words_is_the_second_of_the_triplet() -> None:
    sampler = Sampler({**ANSWERS, "linear": ["no", "so {0}", "{0}", "{0}"]})
    first = tailored(sampler).act(NO_REPORT)[0]
    assert first.soft_labels == ((first.target, 0.5), (f"so {first.target}", 0.5))


def test_its_ablations_leave_out_the_choice_or_the_wrong_answers() -> None:
    plain = tailored(Sampler(ANSWERS), rejected=False).act(NO_REPORT)
    assert [e.skill for e in plain[:4]] == ["linear"] * 4
    assert all(e.rejected is None for e in plain)
    by_chance = tailored(Sampler(ANSWERS), targeted=False).act(NO_REPORT)
    assert {e.skill for e in by_chance[:4]} != {"linear"}


def test_what_cannot_be_paid_is_taught_as_it_is() -> None:
    sampler = Sampler(ANSWERS)
    sampler.poor = True
    data = tailored(sampler).act(NO_REPORT)
    assert len(data) == 6
    assert all(e.rejected is None for e in data)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="temperature is 0"):
        tailored(Sampler(ANSWERS), temperature=0)
    with pytest.raises(ConfigError, match="no student can be probed"):
        Tailored(make_classroom()[0]).act(NO_REPORT)


def test_a_student_is_taught_to_the_end_and_its_mistakes_pass_the_gate() -> None:
    words = teacher_entry("tailored").env["OpenEnded"]
    env = gym.make(
        "teachgym/OpenEnded-v0",
        **words,
        student="simulated",
        examples_per_step=60,
        budget={"steps": 3},
        task_settings={"train_per_cell": 4, "val_per_cell": 3, "test_per_cell": 3},
    )
    episodes = [run_episode(env, make_teacher("tailored", env), seed=4) for _ in range(2)]
    assert episodes[0].return_ > 0
    assert all(not t.info["rejected"] for t in episodes[0].transitions)
    assert any(e.rejected for e in episodes[0].transitions[0].info["data"])
    actions = [[t.action for t in episode.transitions] for episode in episodes]
    assert actions[0] == actions[1]
