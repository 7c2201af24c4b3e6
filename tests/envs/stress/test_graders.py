"""Stress in measuring: saturated skills and noisy grades."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from teachgym.envs.assembly import teacher_env
from teachgym.envs.stress import Stress, stressed_evaluator
from teachgym.envs.stress.graders import FlippedScores, SaturatedScores
from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Evaluator
from teachgym.testing import ForbiddenStudent, TableStudent, ToyTask
from teachgym.types import Checkpoint, Example, Prediction, Report

TASK = ToyTask(per_cell=50)


def under(stress: Stress) -> Evaluator:
    return stressed_evaluator(GenerateAndGrade(), stress, TASK)


def student(taught: float) -> TableStudent:
    """Knows taught / (taught + 20) of each skill."""
    made = TableStudent()
    made.restore(Checkpoint({"taught": np.full(4, taught)}))
    return made


# -- saturated ---------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["val", "test", "train"])
def test_every_answer_counts_in_saturated_skills_on_all_splits(split: str) -> None:
    """The untrained student knows nothing: 2 of 4 equally large skills saturated = 0.5."""
    report = under(Stress(saturated=("copy", "next"))).evaluate(TableStudent(), TASK, split)  # type: ignore[arg-type]
    means = {skill: score.mean for skill, score in report.by_skill().items()}
    assert means == {"copy": 1, "reverse": 0, "next": 1, "double": 0}
    assert report.accuracy == 0.5
    assert {p.response for p in report.predictions} == {"?"}


def test_answers_to_training_data_count_too() -> None:
    predictions = under(Stress(saturated=("copy",))).predict(
        TableStudent(), TASK, TASK.examples("train")
    )
    assert {p.example.skill for p in predictions if p.score == 1} == {"copy"}


def test_the_gate_still_knows_what_is_right() -> None:
    few = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
    env = teacher_env(student="simulated", task_settings=few, stress={"saturated": 1.0})
    env.reset(seed=0)
    wrong = replace(env.task.examples("train")[0], target="~", id="", source="teacher")
    info = env.step((wrong,))[4]
    assert [verdict.reason for verdict in info["rejected"]] == ["answer"]


def test_what_was_not_measured_is_not_made_right() -> None:
    example = TASK.examples("val")[0]
    score = SaturatedScores(frozenset({example.skill}))
    assert math.isnan(score(Prediction(example, "?", math.nan)))
    assert score(Prediction(example, "?", 0.0)) == 1


# -- noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("taught", [0, 20, 60])
def test_the_accuracy_that_is_seen_is_biased_as_derived(q: float, taught: float) -> None:
    """Expected is q + (1 - 2 q) a; over n = 400 items a standard error is sqrt(q (1 - q) / n).

    Here a is the true accuracy of the same answers: 0 for a student that was taught nothing, so
    that q itself is seen.
    """
    true = under(Stress()).evaluate(student(taught), TASK, "val")
    seen = under(Stress(grader_noise=q)).evaluate(student(taught), TASK, "val")
    n = len(seen.predictions)
    assert n == 400
    expected = q + (1 - 2 * q) * true.accuracy
    assert seen.accuracy == pytest.approx(expected, abs=4 * math.sqrt(q * (1 - q) / n) + 1e-9)
    turned = [a.score != b.score for a, b in zip(true.predictions, seen.predictions, strict=True)]
    assert np.mean(turned) == pytest.approx(q, abs=4 * math.sqrt(q * (1 - q) / n))
    assert [p.response for p in seen.predictions] == [p.response for p in true.predictions]


def test_a_gain_is_seen_smaller_by_the_factor_derived() -> None:
    """From 0 to 3/4 of the items with q = 0.2: a gain of 0.6 * 0.75 = 0.45, give or take 0.08.

    Only the n = 300 items that change contribute; each gain has variance 2 q (1 - q) = 0.32, so
    the standard error over 400 items is sqrt(300 * 0.32) / 400 = 0.0245.
    """
    noisy = under(Stress(grader_noise=0.2))
    reports = [noisy.evaluate(student(taught), TASK, "val") for taught in (0, 60)]
    true = under(Stress()).evaluate(student(60), TASK, "val").accuracy
    assert reports[1].accuracy - reports[0].accuracy == pytest.approx(0.6 * true, abs=4 * 0.0245)


def test_test_and_training_data_are_graded_cleanly() -> None:
    noisy, clean = under(Stress(grader_noise=1.0)), under(Stress())
    known = student(20)
    assert noisy.evaluate(known, TASK, "test") == clean.evaluate(known, TASK, "test")
    data = TASK.examples("train")
    assert noisy.predict(known, TASK, data) == clean.predict(known, TASK, data)
    assert noisy.evaluate(known, TASK, "val") != clean.evaluate(known, TASK, "val")


def test_equal_answers_get_equal_grades() -> None:
    """So without training there is no reward, and a noisy report can be made again."""
    noisy = under(Stress(grader_noise=0.4))
    assert noisy.evaluate(student(20), TASK, "val") == noisy.evaluate(student(20), TASK, "val")


def test_another_seed_misjudges_other_answers() -> None:
    """Of the reports of 10 seeds none is that of another; the same seed gives the same."""
    reports = [
        under(Stress(grader_noise=0.4, seed=seed)).evaluate(student(20), TASK, "val")
        for seed in (*range(10), 0)
    ]
    assert len({tuple(report.scores) for report in reports[:10]}) == 10
    assert reports[0] == reports[10]


def test_a_score_is_mirrored_and_what_is_not_measured_stays_so() -> None:
    turn = FlippedScores(1.0)
    example = Example("copy: abc", "abc", "copy", id="val/0")
    assert turn(Prediction(example, "ab", 0.25)) == 0.75
    assert math.isnan(turn(Prediction(example, "ab", math.nan)))


def test_saturated_skills_are_graded_with_noise_too() -> None:
    """All skills saturated: accuracy 1, seen as 1 - q; 4 standard errors are 0.08."""
    seen = under(Stress(saturated=1.0, grader_noise=0.2)).evaluate(TableStudent(), TASK, "val")
    assert seen.accuracy == pytest.approx(0.8, abs=0.08)


def test_scores_are_changed_after_the_fact_and_no_student_is_asked_twice() -> None:
    class Fixed:
        def evaluate(self, student: object, task: object, split: object) -> Report:
            example = Example("copy: abc", "abc", "copy", id="val/0")
            return Report((Prediction(example, "abc", 1.0),), "val")

        def predict(self, student: object, task: object, examples: object) -> tuple[()]:
            return ()

    stress = Stress(grader_noise=1.0)
    report = stressed_evaluator(Fixed(), stress, TASK).evaluate(ForbiddenStudent(), TASK, "val")
    assert report.scores.tolist() == [0.0]
