"""The gate keeps out wrong targets, rejected responses that are right, and what is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from teachgym.gate import REASONS, Gate, GateSettings
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.task import Task
from teachgym.testing import ToyTask
from teachgym.types import Example, Prediction, leaf_skills

TASK = ToyTask()
RIGHT = Example("reverse: wxyz", "zyxw", "reverse")
WRONG = replace(RIGHT, target="wxyz")


class Unsure(ToyTask):
    """A task that cannot check answers."""

    def verify(self, example: Example) -> float:
        """Not measured."""
        return math.nan


class Plain(Task):
    """``ToyTask`` with a grader alone, to which white space at the edges is wrong."""

    name, skills, levels = TASK.name, TASK.skills, TASK.levels
    examples = staticmethod(TASK.examples)

    def grade(self, example: Example, response: str) -> float:
        """1 for the target, 0.5 for a longer answer that has it."""
        if response != response.strip():
            return 0.0
        return 1.0 if response == example.target else 0.5 * (example.target in response)


def verdicts(gate: Gate, *examples: Example) -> list[tuple[str, str]]:
    return [(v.reason, v.detail) for v in gate.inspect(examples).rejected]


def test_only_the_check_of_answers_catches_a_wrong_target() -> None:
    assert verdicts(Gate(TASK), WRONG, RIGHT) == [
        ("answer", "target 'wxyz' scores 0; a right answer scores 1")
    ]
    assert verdicts(Gate(TASK, GateSettings(verify=False)), WRONG) == []


def test_a_wrong_target_does_not_make_its_right_twin_a_duplicate() -> None:
    assert Gate(TASK).inspect([WRONG, RIGHT]).accepted == (RIGHT,)


def test_an_answer_that_cannot_be_checked_is_not_a_right_one() -> None:
    assert verdicts(Gate(Unsure()), RIGHT) == [
        ("answer", "target 'zyxw' scores nan; a right answer scores 1")
    ]


@pytest.mark.parametrize("prompt", ["sing: abc", "abc", "next: abc", "next: "])
def test_a_prompt_that_is_no_question_of_the_task_has_no_right_answer(prompt: str) -> None:
    assert [reason for reason, _ in verdicts(Gate(TASK), replace(RIGHT, prompt=prompt))] == [
        "answer"
    ]


def test_a_task_without_a_check_of_its_own_grades_the_target() -> None:
    gate = Gate(Plain())
    assert verdicts(gate, WRONG) == []
    assert verdicts(gate, replace(RIGHT, target="zyxw ")) == [
        ("answer", "target 'zyxw ' scores 0; a right answer scores 1")
    ]


@pytest.mark.parametrize("verify", [True, False])
def test_a_rejected_response_is_another_answer_and_a_worse_one(verify: bool) -> None:
    """In ``Plain`` an answer inside a longer one scores 0.5: worse, so it may be the rejected."""
    gate = Gate(Plain(), GateSettings(verify=verify))
    assert verdicts(gate, replace(RIGHT, rejected="zyxwv")) == []
    assert verdicts(gate, replace(RIGHT, rejected=" zyxw ")) == [
        ("answer", "rejected is ' zyxw ', as is the target; it must be a worse answer")
    ]


def test_a_rejected_response_that_is_right_is_no_rejected_response() -> None:
    class Lenient(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return float(response.lower() == example.target.lower())

    assert verdicts(Gate(Lenient()), replace(RIGHT, rejected="ZYXW")) == [
        ("answer", "rejected is 'ZYXW', which is right; it must be a worse answer")
    ]


def answers(*scores: float) -> list[Prediction]:
    return [Prediction(replace(RIGHT, id=str(i)), f"r{i}", score) for i, score in enumerate(scores)]


def test_what_the_student_answers_already_is_kept_out_where_that_is_asked_for() -> None:
    """Right is 1; half right and not measured are not known."""
    predictions = answers(1.0, 0.5, math.nan, 1.0, 0.0)
    result = Gate(TASK, GateSettings(known="reject")).veto_known(predictions)
    assert [e.id for e in result.accepted] == ["1", "2", "4"]
    assert [(v.example.id, v.reason, v.detail) for v in result.rejected] == [
        ("0", "known", "the student answers 'r0', which is right"),
        ("3", "known", "the student answers 'r3', which is right"),
    ]
    assert result.counts == {**dict.fromkeys(REASONS, 0), "known": 2}


def test_what_is_known_passes_by_default() -> None:
    result = Gate(TASK).veto_known(answers(1.0, 0.0))
    assert [e.id for e in result.accepted] == ["0", "1"]
    assert result.rejected == ()


@pytest.mark.slow
def test_the_default_gate_keeps_next_to_nothing_out_that_the_embedded_task_makes() -> None:
    """Equal prompts are duplicates; of the others 1 in 200 at most looks like an item's."""
    task = ArithmeticAndStrings()
    rng = np.random.default_rng(0)
    made = [task.make(skill, None, rng) for skill in leaf_skills(task.skills) for _ in range(50)]
    pool = (*made, *task.examples("train"))
    gate = Gate(task)
    distinct = {gate.form(e): e for e in reversed(pool)}
    result = gate.inspect(pool)
    assert {reason for reason, n in result.counts.items() if n} <= {"duplicate", "overlap"}
    assert result.counts["overlap"] <= len(distinct) / 200
    kept = {v.example for v in result.rejected if v.reason == "overlap"}
    assert set(result.accepted) == set(distinct.values()) - kept
    assert len({e.prompt for e in pool}) - len(distinct) <= len(distinct) / 200
