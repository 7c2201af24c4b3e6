"""Generate, grade, report: the scores by hand, the order, and one round of questions."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teachgym.answers import AnswerStore
from teachgym.errors import ConformanceError, GradeError
from teachgym.evaluation import GenerateAndGrade, report_on
from teachgym.metrics import group_accuracy
from teachgym.protocols import Student
from teachgym.tasks.task import Task
from teachgym.testing import TableStudent, ToyTask
from teachgym.testing.toy import solve
from teachgym.types import Example, Grade, Prediction, Prompt, Report, Score, Turn, score_of


class Recorder(TableStudent):
    """Answers the skill ``copy`` right, everything else with ``?``, and keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        texts = [prompt.text for prompt in prompts]
        self.asked.append(texts)
        return [solve(t) if t.startswith("copy") else "?" for t in texts]


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


class Patient(ToyTask):
    """Says "no" to each wrong answer, twice at most; the third is the last."""

    max_turns = 3

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        return "no" if response != example.target and len(turns) < 2 else None

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> list[float | Grade]:
        grades = self.grade_all(examples, responses)
        return [score_of(g) / (1 + len(said)) for g, said in zip(grades, turns, strict=True)]


class Learning(Recorder):
    """As ``Recorder``, and after a "no" it answers ``reverse`` right too."""

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        known = super().generate(prompts, stop=stop)
        return [
            solve(p.text) if p.turns and p.text.startswith("reverse") else answer
            for p, answer in zip(prompts, known, strict=True)
        ]


def test_all_open_conversations_go_on_together_until_nothing_more_is_said() -> None:
    """Of 8 items, 2 of each skill, 6 are not ``copy`` and 4 of these not ``reverse`` either.

    Scores: 1, 1/2 at the second answer, 0 after the third.
    """
    task, student = Patient(per_cell=1), Learning()
    report = GenerateAndGrade().evaluate(student, task, "val")
    assert [len(asked) for asked in student.asked] == [8, 6, 4]
    found = {p.example.skill: (p.turns, p.score, len(p.responses)) for p in report.predictions}
    no = Turn("?", "no")
    assert found == {
        "copy": ((), 1.0, 1),
        "reverse": ((no,), 0.5, 2),
        "next": ((no, no), 0.0, 3),
        "double": ((no, no), 0.0, 3),
    }
    last = report.predictions[-1]
    assert last.question == Prompt(last.example.prompt, turns=(no, no))
    assert last.responses == ("?", "?", "?")


def test_a_conversation_goes_on_from_the_turns_of_its_example() -> None:
    began = Turn("hm", "go on")
    example = replace(ToyTask().examples("val")[-1], turns=(began,))
    (prediction,) = GenerateAndGrade().predict(Learning(), Patient(), [example])
    assert prediction.question.turns == (began, Turn("?", "no"), Turn("?", "no"))
    assert len(prediction.turns) == 2


def test_every_turn_is_remembered_under_its_own_key(tmp_path: Path) -> None:
    class Known(Learning):
        def fingerprint(self) -> str:
            return "00"

    task, student = Patient(per_cell=1), Known()
    evaluator = GenerateAndGrade(AnswerStore(tmp_path))
    first = evaluator.evaluate(student, task, "val")
    assert evaluator.evaluate(student, task, "val") == first
    assert len(student.asked) == len(list(tmp_path.iterdir())) == 3


class Fingerprinted(Recorder):
    """A ``Recorder`` whose answers can be remembered."""

    weights = "00"
    max_new_tokens = 8

    def fingerprint(self) -> str:
        return self.weights

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        self.stop = tuple(stop)
        return super().generate(prompts, stop=stop)


def test_what_was_asked_before_is_not_asked_again_by_another_process_either(tmp_path: Path) -> None:
    task, first, second = ToyTask(per_cell=3), Fingerprinted(), Fingerprinted()
    fresh = GenerateAndGrade(AnswerStore(tmp_path)).evaluate(first, task, "val")
    remembered = GenerateAndGrade(AnswerStore(tmp_path)).evaluate(second, task, "val")
    assert remembered == fresh
    assert len(first.asked) == 1
    assert second.asked == []


def test_another_split_and_changed_weights_are_asked_anew(tmp_path: Path) -> None:
    task, student = ToyTask(per_cell=3), Fingerprinted()
    evaluator = GenerateAndGrade(AnswerStore(tmp_path))
    evaluator.evaluate(student, task, "val")
    evaluator.evaluate(student, task, "test")
    student.weights = "01"
    evaluator.evaluate(student, task, "val")
    assert len(student.asked) == 3


def test_remembered_answers_are_graded_anew(tmp_path: Path) -> None:
    class Lenient(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return 1.0

    student, evaluator = Fingerprinted(), GenerateAndGrade(AnswerStore(tmp_path))
    assert evaluator.evaluate(student, ToyTask(per_cell=3), "val").accuracy == 0.25
    assert evaluator.evaluate(student, Lenient(per_cell=3), "val").accuracy == 1.0
    assert len(student.asked) == 1


def test_a_student_without_a_fingerprint_is_always_asked(tmp_path: Path) -> None:
    student, evaluator = Recorder(), GenerateAndGrade(AnswerStore(tmp_path))
    for _ in range(2):
        evaluator.evaluate(student, ToyTask(per_cell=3), "val")
    assert len(student.asked) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_stop_strings_of_the_task_reach_the_student_and_the_key(tmp_path: Path) -> None:
    class Stopping(ToyTask):
        stop = (";",)

    student, evaluator = Fingerprinted(), GenerateAndGrade(AnswerStore(tmp_path))
    evaluator.evaluate(student, ToyTask(per_cell=3), "val")
    assert student.stop == ()
    evaluator.evaluate(student, Stopping(per_cell=3), "val")
    assert student.stop == (";",)
    assert len(student.asked) == 2


def test_a_student_may_be_asked_in_another_way() -> None:
    def backwards(student: Student, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
        return [answer[::-1] for answer in student.generate(prompts)]

    task = ToyTask(per_cell=3)
    report = GenerateAndGrade(ask=backwards).evaluate(Recorder(), task, "val")
    copies = [p for p in report.predictions if p.example.skill == "copy"]
    assert [p.response for p in copies] == [p.example.target[::-1] for p in copies]


class Named(ToyTask):
    """Grades by parts, and measures a figure of the whole split."""

    name = "named"

    def grade(self, example: Example, response: str) -> Grade:
        return Grade(float(response == example.target), {"begun": float(response[:1] != "?")})

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        return {"begun": Score.of(p.parts["begun"] for p in predictions)}


def test_parts_of_grades_and_metrics_of_the_task_are_in_the_report() -> None:
    """Of four skills one is answered at all: 1/4 of the parts, and 1/4 in the metric."""
    report = GenerateAndGrade().evaluate(Recorder(), Named(per_cell=3), "val")
    assert report.metrics == {"begun": report.overall}
    assert report.by_part() == {"begun": report.overall}
    assert report.figures == {"metric/begun": report.overall, "part/begun": report.overall}
    assert [p.parts["begun"] for p in report.predictions] == report.scores.tolist()


def test_metrics_of_several_students_are_those_of_each() -> None:
    """One has three of four groups wholly right, the other none: 3/8 of eight, not none of four.

    Three of four are right with an error of sqrt(3/4 * 1/4 / 4) = 0.2165, none of four with one of
    sqrt(2 * 6 / 8^3) = 0.1531; of both, a half of the root of their squares.
    """

    def metrics(self: Named, predictions: Sequence[Prediction]) -> dict[str, Score]:
        return {"groups": group_accuracy(predictions, lambda e: e.skill)}

    task = type("Grouped", (Named,), {"metrics": metrics})(per_cell=1)
    right = [replace(p, student="a") for p in answered(task) if p.example.skill != "copy"]
    wrong = [replace(p, student="b", score=0.0) for p in answered(task)]
    missed = [replace(p, student="a", score=0.0) for p in answered(task)]
    missed = [p for p in missed if p.example.skill == "copy"]
    report = report_on(task, (*right, *missed, *wrong), "val")
    found = report.metrics["groups"]
    assert (found.n, found.mean) == (8, 3 / 8)
    assert found.stderr == pytest.approx((0.2165**2 + 0.1531**2) ** 0.5 / 2, abs=1e-4)


def answered(task: Task) -> list[Prediction]:
    return [Prediction(e, e.target, 1.0, {"begun": 1.0}) for e in task.examples("val")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (2.0, "an answer the score 2.0"),
        (Grade(1.0, {"name": 2.0}), "the part 'name' the score 2.0"),
        (Grade(1.0, {"name": "1"}), "the part 'name' the score '1'"),  # type: ignore[dict-item]
        (Grade(1.0, [1.0]), r"the parts \(1.0,\)"),  # type: ignore[arg-type]
        ("right", "the score 'right'"),
    ],
)
def test_what_is_no_grade_is_refused_by_the_name_of_the_task(given: Any, said: str) -> None:
    task = type("Bad", (Named,), {"grade": lambda self, example, response: given})(per_cell=1)
    with pytest.raises(GradeError, match=f"task 'named' gives .*{said}"):
        GenerateAndGrade().evaluate(Recorder(), task, "val")


@pytest.mark.parametrize("given", [["a"], ["a"] * 9, None, "eight of", ["a", None, *"bcdefg"], []])
def test_what_is_no_answer_is_refused_by_the_class_of_the_student(given: Any) -> None:
    """Eight texts are asked for."""
    with pytest.raises(ConformanceError, match=r"a TableStudent answers 8 prompts by .* each of"):
        GenerateAndGrade(ask=lambda *_: given).evaluate(TableStudent(), ToyTask(per_cell=1), "val")


def test_grades_of_another_number_are_refused_by_the_name_of_the_task() -> None:
    task = type("Bad", (Named,), {"grade_all": lambda self, examples, responses: [1.0]})(per_cell=1)
    with pytest.raises(GradeError, match="task 'named' gives 1 grades to 8 answers"):
        GenerateAndGrade().evaluate(Recorder(), task, "val")


def test_a_task_without_a_turn_is_refused_by_its_name() -> None:
    """No student was asked, and every answer was empty."""
    with pytest.raises(ConformanceError, match="task 'named' has max_turns = 0; it must be 1"):
        GenerateAndGrade().evaluate(Recorder(), type("Bad", (Named,), {"max_turns": 0})(), "val")


@pytest.mark.parametrize("given", [0.5, Score(0, 0.0, 0.0)])
def test_what_is_no_metric_is_refused_by_the_name_of_the_task(given: Any) -> None:
    task = type("Bad", (Named,), {"metrics": lambda self, predictions: {"f1": given}})(per_cell=1)
    with pytest.raises(GradeError, match=r"metric 'f1' of task 'named' .* Score.nothing\(\)"):
        GenerateAndGrade().evaluate(Recorder(), task, "val")


def test_words_with_parts_are_frozen_hashable_and_survive_pickling() -> None:
    made = Prediction(Example("p", "t", "s"), "r", 1.0, {"name": 1.0})
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(Prediction(made.example, "r", 1.0, {"name": 1.0}))
    assert Report((made,), "val") == pickle.loads(pickle.dumps(Report((made,), "val")))
    with pytest.raises(TypeError, match="frozen"):
        made.parts["name"] = 0.0  # type: ignore[index]
