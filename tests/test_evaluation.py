"""Generate, grade, report: the scores by hand, the order, and one round of questions."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

from teachgym.evaluation import GenerateAndGrade
from teachgym.testing import TableStudent, ToyTask
from teachgym.testing.toy import solve
from teachgym.types import Example, Prediction


class Recorder(TableStudent):
    """Answers the skill ``copy`` right, everything else with ``?``, and keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def generate(self, prompts: Sequence[str]) -> list[str]:
        self.asked.append(list(prompts))
        return [solve(p) if p.startswith("copy") else "?" for p in prompts]


def test_the_report_has_one_graded_answer_per_example_in_the_order_of_the_split() -> None:
    task, student = ToyTask(per_cell=3), Recorder()
    report = GenerateAndGrade().evaluate(student, task, "test")
    assert report.split == "test"
    assert report.predictions == tuple(
        Prediction(e, e.target if e.skill == "copy" else "?", float(e.skill == "copy"))
        for e in task.examples("test")
    )


def test_accuracy_is_the_share_of_right_answers() -> None:
    """One of four skills is right, with equally many items each: 1/4."""
    report = GenerateAndGrade().evaluate(Recorder(), ToyTask(per_cell=3), "val")
    assert report.accuracy == 0.25
    assert {name: score.mean for name, score in report.by_skill().items()} == {
        "copy": 1.0,
        "reverse": 0.0,
        "next": 0.0,
        "double": 0.0,
    }


def test_the_student_is_asked_once_and_sees_nothing_but_the_prompts_of_the_split() -> None:
    task, student = ToyTask(per_cell=3), Recorder()
    GenerateAndGrade().evaluate(student, task, "val")
    assert student.asked == [[e.prompt for e in task.examples("val")]]


def test_what_could_not_be_measured_is_not_counted_as_wrong() -> None:
    class Doubtful(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return math.nan if example.skill == "next" else super().grade(example, response)

    report = GenerateAndGrade().evaluate(Recorder(), Doubtful(per_cell=3), "val")
    assert report.accuracy == 1 / 3
    assert math.isnan(report.by_skill()["next"].mean)


def test_measuring_twice_gives_the_same_report() -> None:
    task, student = ToyTask(per_cell=3), Recorder()
    evaluate = GenerateAndGrade().evaluate
    assert evaluate(student, task, "val") == evaluate(student, task, "val")


def test_evaluation_needs_no_torch() -> None:
    code = "import sys, teachgym.evaluation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
