"""``stated-confidence``: answers that say how sure they are; grades and metrics by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from teachgym.errors import ConfigError
from teachgym.tasks import make_task
from teachgym.tasks.stated_confidence import split_off, state
from teachgym.testing import ToyTask, check_task
from teachgym.types import Draft, Example, Grade, Prediction

CALIBRATION = "calibration"


class Parted(ToyTask):
    """Has a part of its own in its grades."""

    def grade(self, example: Example, response: str) -> Any:
        return Grade(super().grade(example, response), {"short": float(len(response) < 5)})

    def grade_all(self, examples: Sequence[Example], responses: Sequence[str]) -> Any:
        return [self.grade(e, r) for e, r in zip(examples, responses, strict=True)]


def make(**settings: Any) -> Any:
    return make_task("stated-confidence", **{"task": "teachgym.testing:ToyTask", **settings})


def test_it_keeps_the_contract_and_states_certainty_in_its_own_targets() -> None:
    task = make()
    check_task(task, samples=4)
    assert task.name == "toy-v0+stated-confidence-v0"
    item = task.examples("train")[0]
    assert item.target == f"{ToyTask().examples('train')[0].target} sure 10"
    assert task.verify(item) == 1
    assert task.verify(item.with_target("? sure 10")) == 0
    assert task.verify(item.with_target(item.target.removesuffix(" sure 10"))) == 0
    drafted = task.compose(Draft("copy: abc", "abc"), "copy", 0.0)
    assert (drafted.target, task.inside(drafted).target) == ("abc sure 10", "abc")


@pytest.mark.parametrize(
    ("response", "right", "calibration"),
    [
        ("abc sure 7", 1, 0.91),
        ("abc sure 10", 1, 1),
        ("abc", 1, 0),
        ("abc sure of it", 0, 0),
        ("abd sure 7", 0, 0.51),
        ("abd sure 0", 0, 1),
    ],
)
def test_a_grade_has_the_answer_and_its_calibration(
    response: str, right: float, calibration: float
) -> None:
    """1 - (1 - 0.7)^2 = 0.91 and 1 - 0.7^2 = 0.51; 0 where nothing can be read."""
    item = Example("copy: abc", "abc sure 10", "copy")
    for measure, score in (("answer", right), (CALIBRATION, calibration)):
        grade = make(measure=measure).grade(item, response)
        assert grade.score == pytest.approx(score)
        assert grade.parts == {"answer": right, CALIBRATION: pytest.approx(calibration)}


def test_the_mean_calibration_is_highest_at_the_share_of_right_answers() -> None:
    """The derivative of q (1 - (1 - p)^2) + (1 - q) (1 - p^2) in p is 2 (q - p)."""
    task, item = make(measure=CALIBRATION), Example("copy: abc", "abc sure 10", "copy")
    for q in (0.0, 0.3, 0.8, 1.0):
        paid = [
            q * task.grade(item, state("abc", p)).score
            + (1 - q) * task.grade(item, state("no", p)).score
            for p in np.arange(11) / 10
        ]
        assert np.argmax(paid) == round(10 * q)


def test_metrics_are_those_of_answers_and_statements() -> None:
    """Bins: 0.9 of two answers, one right, and 0.2 of one, wrong: (2 * 0.4 + 0.2) / 3 = 1/3.

    Squares 0.01, 0.81 and 0.04, in the mean 0.2867; the mean confidence is 2/3.
    """
    task = make()
    item = Example("copy: abc", "abc sure 10", "copy")
    predictions = []
    for response in ("abc sure 9", "no sure 9", "no sure 2"):
        grade = task.grade(item, response)
        predictions.append(Prediction(item, response, grade.score, grade.parts))
    found = task.metrics(predictions)
    assert found["answer_accuracy"].mean == pytest.approx(1 / 3)
    assert found["confidence"].mean == pytest.approx(2 / 3)
    assert found["brier"].mean == pytest.approx(0.86 / 3)
    assert found["ece"].mean == pytest.approx(1 / 3)
    assert (found["ece"].n, math.isnan(found["ece"].stderr)) == (3, True)
    assert found["stated"].mean == 1


def test_answers_that_state_nothing_count_in_no_figure_of_what_is_stated() -> None:
    """One of four states its confidence, 0.9, and is right: a square and a distance of 0.1."""
    task = make(measure=CALIBRATION)
    item = Example("copy: abc", "abc sure 10", "copy")
    silent = ("abc", "no", "abc sure of it")

    def measured(*responses: str) -> Any:
        grades = task.grade_all([item] * len(responses), responses)
        told = zip(responses, grades, strict=True)
        return task.metrics([Prediction(item, said, g.score, g.parts) for said, g in told])

    some, none = measured("abc sure 9", *silent), measured(*silent)
    assert (some["stated"].mean, some["stated"].n) == (0.25, 4)
    assert some["answer_accuracy"].mean == 0.5
    figures = {"confidence": 0.9, "brier": 0.01, "ece": 0.1}
    for name, mean in figures.items():
        assert (some[name].mean, some[name].n) == (pytest.approx(mean), 1)
        assert none[name].n == 0
    assert none["stated"].mean == 0


def test_parts_of_the_task_s_own_grades_stay() -> None:
    task = make(task=f"{__name__}:Parted")
    grade = task.grade(Example("copy: abc", "abc sure 10", "copy"), "abc sure 5")
    assert grade.parts == {"short": 1, "answer": 1, CALIBRATION: 0.75}


def test_other_marks_and_whole_numbers_up_to_ten_alone() -> None:
    task = make(mark="|")
    assert task.examples("val")[0].target.endswith("|10")
    assert split_off("a|b|3", "|") == ("a|b", 0.3)
    assert [split_off(f"a sure {n}")[1] for n in ("11", "-1", "0.5", "7 ", "")] == [
        None,
        None,
        None,
        0.7,
        None,
    ]
    assert state("a", 0.449) == "a sure 4"


def test_a_reworded_exercise_keeps_its_statement() -> None:
    task = make(task="word-problems", val_per_cell=1, test_per_cell=1, train_per_cell=1)
    rng = np.random.default_rng(0)
    item = task.examples("train")[0]
    unsure = item.with_target(state(task.inside(item).target, 0.4))
    worded = task.reword(unsure, rng)
    assert worded is not None
    assert split_off(worded.target)[1] == 0.4
    silent = task.reword(item.with_target(task.inside(item).target), rng)
    assert silent is not None
    assert split_off(silent.target)[1] is None


def test_what_cannot_be_stated_is_refused() -> None:
    with pytest.raises(ConfigError, match="mark is ' '; it must say something"):
        make(mark=" ")
    with pytest.raises(ConfigError, match="give stated-confidence one that asks once"):
        make(task="second-try")
    with pytest.raises(ConfigError, match="measure"):
        make(measure="both")
