"""A run in a sentence: every fact derived by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from teachgym.report.headline import headline
from teachgym.runs.result import Comparison, RunResult
from teachgym.types import Score
from tests.runs.results import result_of


def result(
    before: Mapping[str, float], after: Mapping[str, float], taught: Mapping[str, tuple[int, ...]]
) -> RunResult:
    """Accuracies on test with a standard error of 0.03 each: 0.0424 of a difference."""
    skills = [{s: Score(50, mean, 0.03) for s, mean in own.items()} for own in (before, after)]
    exam = Comparison(Score(99, 0.5, 0.02), Score(99, 0.6, 0.02), Score(99, 0.1, 0.012), *skills)
    val = dataclasses.replace(exam, gain=Score(50, 0.12, 0.009))
    curve = (Score(50, 0.5, 0.1),) * 3
    return result_of(exam, val=val, best_step=2, curve=curve, taught=taught)


BEFORE = {"add": 0.1, "sub": 0.2, "rev": 0.3, "copy": 0.9, "up": 0.5, "mul": 0.0}


def test_gains_are_in_points_and_skills_in_order_of_their_gain() -> None:
    after = {"add": 0.2, "sub": 0.7, "rev": 0.6, "copy": 0.8, "up": 0.58, "mul": 0.0}
    taught = {"add": (10, 10), "up": (5, 5), "mul": (0, 10), "copy": (0, 0)}
    assert headline(result(BEFORE, after, taught)) == (
        "+10.0 ± 1.2 points on test; most from sub, rev, add; copy fell; "
        "50% of the examples went to 2 skills that did not move; val - test gap +2.0 ± 1.5."
    )


def test_more_than_three_are_counted() -> None:
    after = {name: mean + 0.2 for name, mean in BEFORE.items()}
    said = headline(result(BEFORE, after, {"add": (4,)}))
    assert "most from " in said
    assert " and 3 more; val - test" in said


@pytest.mark.parametrize("change", [0.0, 0.08, -0.08])
def test_what_two_errors_do_not_tell_from_nothing_did_not_move(change: float) -> None:
    said = headline(result(BEFORE, {s: m + change for s, m in BEFORE.items()}, {"add": (4,)}))
    assert "no skill rose for sure; 100% of the examples went to 1 skill that did not move" in said
    assert "fell" not in said


def test_one_item_and_no_change_without_an_error_move_no_skill() -> None:
    """One item has no error; that of two with half a point each is 0, and so is their change."""
    before = {"one": Score.of([0.0]), "part": Score.of([0.5]), "same": Score.of([0.5, 0.5])}
    after = {"one": Score.of([1.0]), "part": Score.of([0.4]), "same": Score.of([0.5, 0.5])}
    run = result({}, {}, {"one": (1,), "same": (3,)})
    exam = dataclasses.replace(run.test, skills_before=before, skills_after=after)
    said = headline(dataclasses.replace(run, test=exam))
    assert "no skill rose for sure; 100% of the examples went to 2 skills that did not move" in said
    assert "fell" not in said


def test_what_was_not_measured_is_said() -> None:
    unknown = result({}, {}, {})
    nothing = dataclasses.replace(unknown.test, gain=Score.nothing())
    assert headline(dataclasses.replace(unknown, test=nothing)) == "not measured on test."
