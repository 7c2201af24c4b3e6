"""``lbt``: sets of exemplars that are changed by failures and chosen by what comes out right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from teachgym.agents.methods.aiding import shown
from teachgym.agents.methods.lbt import LearningByTeaching
from teachgym.errors import BudgetError, ConfigError
from teachgym.types import Aid
from tests.agents.llm.classroom import make_classroom


class Imitator:
    """Probes of a student that is right in the skills of which it is shown an exemplar."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], str]] = []
        self.aids: list[tuple[Aid, ...]] = []
        self.left = 1_000

    def greedy(self, items: Any, *, prefix: str = "") -> list[str]:
        self.left -= 1
        if self.left < 0:
            raise BudgetError("nothing is left")
        self.asked.append(([e.prompt for e in items], prefix))
        return [e.target if f"-{e.skill}-" in prefix else "no" for e in items]

    def aid(self, aids: Sequence[Aid]) -> tuple[()]:
        self.aids.append(tuple(aids))
        return ()


def teacher_of(probes: Imitator, **settings: Any) -> LearningByTeaching:
    classroom = replace(make_classroom(train=20)[0], probes=probes)  # type: ignore[arg-type]
    return LearningByTeaching(classroom, **settings)


OBSERVATION: Any = {}


def skills_of(teacher: LearningByTeaching) -> set[str]:
    return {example.skill for example in teacher.exemplars}


def test_what_is_failed_takes_the_place_of_exemplars_until_nothing_is() -> None:
    """Three skills and sets of three: each step may bring in one that was failed, and keeps it.

    With 24 of 60 exercises in an exam a set with one more skill is right in about eight more.
    """
    for seed in range(5):
        probes = Imitator()
        teacher = teacher_of(probes, shots=3, sets=8, exam=24, changed=0.4)
        teacher.reset(seed)
        kinds = []
        for _ in range(4):
            teacher.act(OBSERVATION)
            kinds.append(len(skills_of(teacher)))
        assert kinds == sorted(kinds)
        assert kinds[-1] == 3
        assert len(teacher.exemplars) == 3
        assert probes.aids[-1] == (Aid(shown(teacher.exemplars)),)
        calls = len(probes.asked)
        teacher.act(OBSERVATION)
        assert len(probes.asked) == calls + 1  # Where nothing is failed no other set is tried.


def test_no_exercise_of_an_exam_is_an_exemplar_and_none_is_in_both_exams() -> None:
    probes = Imitator()
    teacher = teacher_of(probes, shots=3, sets=2, exam=10)
    teacher.act(OBSERVATION)
    (first, old), *judged = probes.asked
    assert [prompts for prompts, _ in judged] == [judged[0][0]] * 3
    assert set(first).isdisjoint(judged[0][0])
    assert not any(prompt in old for prompt in (*first, *judged[0][0]))
    assert judged[0][1] == old


def test_without_reflection_any_exercise_may_come_in_and_no_exam_finds_it() -> None:
    probes = Imitator()
    teacher = teacher_of(probes, shots=3, sets=2, exam=10, reflect=False)
    teacher.act(OBSERVATION)
    assert len(probes.asked) == 3


def test_what_cannot_be_paid_changes_nothing() -> None:
    probes = Imitator()
    teacher = teacher_of(probes, shots=2, sets=4)
    teacher.act(OBSERVATION)
    before, probes.left = teacher.exemplars, 2
    teacher.act(OBSERVATION)
    assert teacher.exemplars == before
    assert len(probes.aids) == 1


def test_a_set_needs_an_exemplar() -> None:
    with pytest.raises(ConfigError, match="shots is 0"):
        teacher_of(Imitator(), shots=0)
    with pytest.raises(ConfigError, match="changed is 0"):
        teacher_of(Imitator(), changed=0)
    empty = replace(make_classroom(train=0)[0], probes=Imitator())  # type: ignore[arg-type]
    teacher = LearningByTeaching(empty)
    teacher.act(OBSERVATION)
    assert teacher.exemplars == ()
