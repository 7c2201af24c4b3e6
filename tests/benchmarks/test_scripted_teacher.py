"""The scripted teacher: writes right exercises, and orders what its prompt shows it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from teachgym.agents.classroom import Classroom
from teachgym.agents.llm_open_ended import LLMOpenEnded
from teachgym.benchmarks.scripted_teacher import answer
from teachgym.chat.scripted import Scripted
from teachgym.errors import ChatError
from teachgym.ledger import Ledger
from teachgym.syllabus import Syllabus
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.types import Budget, Data, Prediction, Report

TASK = ArithmeticAndStrings(val_per_cell=3, test_per_cell=1, train_per_cell=3)
WEAK = {"add": "?", "rev": "?"}


def report(wrong: Mapping[str, str]) -> Report:
    """Right answers but for two skills: the given text, or half of the right answer where empty."""
    answers = (
        Prediction(e, wrong[e.skill] or e.target[: len(e.target) // 2], 0.0)
        if e.skill in wrong
        else Prediction(e, e.target, 1.0)
        for e in TASK.examples("val")
    )
    return Report(tuple(answers), "val")


def taught(*, state: bool, seed: int = 0, wrong: Mapping[str, str] = WEAK) -> Data:
    classroom = Classroom(Syllabus.of(TASK), Ledger(Budget(steps=1)), 60, TASK.levels)
    teacher = LLMOpenEnded(classroom, chat=Scripted(answer), state=state)
    teacher.reset(seed)
    return teacher.act(report(wrong))


def test_with_state_it_teaches_what_the_student_gets_wrong() -> None:
    data = taught(state=True)
    assert len(data) == 60
    assert {e.skill for e in data} == set(WEAK)


def test_mistakes_within_reach_get_the_most() -> None:
    """``add`` has nothing of the right answer: weight 0.01 each; ``rev`` half of it: 0.25 each."""
    data = Counter(e.skill for e in taught(state=True, wrong={"add": "?", "rev": ""}))
    assert data["rev"] > 10 * data["add"]


def test_without_state_it_cannot_know() -> None:
    skills = {e.skill for e in taught(state=False)}
    assert len(skills) > 10


@pytest.mark.parametrize("state", [True, False])
def test_what_it_writes_is_right_new_and_none_of_the_held_out_items(state: bool) -> None:
    data = taught(state=state)
    assert len({e.prompt for e in data}) == len(data)
    held_out = {e.prompt for split in ("val", "test") for e in TASK.examples(split)}
    assert not held_out & {e.prompt for e in data}
    assert all(Syllabus.of(TASK).verify(e) == 1 for e in data)


def test_equal_draws_give_equal_exercises_and_other_draws_others() -> None:
    question: Any = ({"role": "user", "content": "Write 3 new items for this skill: rev"},)
    first, again, other = (answer(question, None, draw) for draw in (1, 1, 2))
    assert first == again != other
    assert len(json.loads(first)["items"]) == 3


def test_it_has_nothing_to_say_to_other_questions() -> None:
    with pytest.raises(ChatError, match="no answer to 'How are you"):
        answer(({"role": "user", "content": "How are you?"},), None, 0)
