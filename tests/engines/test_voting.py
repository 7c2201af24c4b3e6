"""Two stages, votes and rejected responses: several solutions to one problem."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest

from teachgym.engines.examiner import group_answers
from teachgym.testing import ToyTask
from teachgym.types import Budget, Example, Order
from tests.engines.writing import Desk, WorkedTask, is_write, items, solved, worked


def answer_of(number: object, **more: object) -> dict[str, object]:
    """A solution alone."""
    return {"solution": "Add 1.", "answer": number, **more}


def desk_of(problems: Sequence[dict[str, object]], solutions: Sequence[str]) -> Desk:
    """A desk whose model writes all ``problems`` once and then gives the solutions in turn."""
    left = iter(solutions)

    def answer(text: str, n: int) -> str:
        return items(*problems) if is_write(text) else next(left)

    return Desk(answer, WorkedTask())


def three_problems(text: str, n: int) -> str:
    """Problems without solutions, and the right solution to each."""
    if is_write(text):
        return items(*({"problem": f"next: {number}"} for number in (15, 20, 25)))
    return items(answer_of(int(solved(text).removeprefix("next: ")) + 1))


def candidates(*answers: str) -> list[Example]:
    return [Example("next: 12", f"So {answer}.", "next") for answer in answers]


# -- groups ------------------------------------------------------------------------------------


def test_answers_that_the_grader_calls_equal_are_one_group_and_the_largest_is_first() -> None:
    """013 is 13 to the grader; "?" cannot be read and is in no group."""
    groups = group_answers(candidates("12", "13", "?", "013", "?", "?"), WorkedTask().grade)
    assert [[e.target for e in g] for g in groups] == [["So 13.", "So 013."], ["So 12."]]


def test_of_groups_of_one_size_the_earlier_is_first() -> None:
    groups = group_answers(candidates("5", "4", "4", "5"), WorkedTask().grade)
    assert [g[0].target for g in groups] == ["So 5.", "So 4."]


def test_answers_that_the_grader_cannot_measure_or_refuses_form_no_group() -> None:
    for score in (math.nan, 0.0, 0.5):
        assert group_answers(candidates("1", "1"), lambda example, response: score) == []  # noqa: B023


# -- two stages --------------------------------------------------------------------------------


def test_in_two_stages_each_problem_gets_a_call_for_its_solution() -> None:
    desk = Desk(three_problems, WorkedTask())
    data = desk.write(Order("next", 3), stages=2)
    assert [e.target for e in data] == ["Add 1. So 16.", "Add 1. So 21.", "Add 1. So 26."]
    assert [is_write(text) for text in desk.prompts] == [True, False, False, False]
    fields = ["`problem`", "`solution`", "`answer`"]
    assert [field in desk.prompts[0] for field in fields] == [True, False, False]
    assert [field in desk.prompts[1] for field in fields] == [False, True, True]


def test_a_problem_whose_solution_fails_is_dropped_alone_and_another_is_asked_for() -> None:
    """Nothing for 15, no number for 20, a wrong one for 25."""
    replies = [items(), items(answer_of("many")), items(answer_of(27)), items(answer_of(31))]
    problems = [{"problem": f"next: {number}"} for number in (15, 20, 25, 30)]
    desk = desk_of(problems, replies)
    data = desk.write(Order("next", 4), stages=2, refills=1)
    assert [e.target for e in data] == ["Add 1. So 31."]
    assert desk.incidents == {
        "unsolved": 2,
        "bad-draft": 1,
        "unverified": 1,
        "duplicate": 4,  # the refill brings the same four problems
        "short": 1,
    }
    assert "next: 15" in desk.prompts[-1]


def test_a_budget_that_ends_among_solutions_gives_the_problems_that_were_solved() -> None:
    """One call for three problems, two for solutions."""
    desk = Desk(three_problems, WorkedTask(), budget=Budget(teacher_calls=3))
    data = desk.write(Order("next", 3), stages=2)
    assert [e.target for e in data] == ["Add 1. So 16.", "Add 1. So 21."]
    assert desk.incidents == {"unpaid": 1, "unsolved": 1, "short": 1}


# -- votes -------------------------------------------------------------------------------------


def test_the_most_frequent_answer_is_kept_with_one_of_its_solutions() -> None:
    """The problem comes with 17; of five votes 17, 16, 17, 016, 16 three are for 16."""
    replies = [
        items({"solution": why, "answer": answer})
        for why, answer in [("Add.", "16"), ("Hm.", "17"), ("So.", "016"), ("Go.", "16")]
    ]
    desk = desk_of([worked(15, 17)], replies)
    (example,) = desk.write(Order("next", 1), votes=5)
    assert example.target == "Add. So 16."
    assert example.rejected is None
    assert len(desk.asked) == 1 + 4
    assert len(set(desk.draws)) == 5


def test_in_two_stages_all_votes_are_calls_of_their_own() -> None:
    desk = desk_of([{"problem": "next: 15"}], [items(answer_of(16))] * 3)
    assert len(desk.write(Order("next", 1), votes=3, stages=2)) == 1
    assert len(desk.asked) == 1 + 3


@pytest.mark.parametrize(("agreement", "kept"), [(0.4, 1), (0.41, 0)])
def test_lost_and_unreadable_votes_count_against_the_most_frequent_answer(
    agreement: float, kept: int
) -> None:
    """Of five votes 16, 16, 9, nothing and "many", two are for 16: 0.4."""
    replies = [items(answer_of(n)) for n in (16, 9)] + [items(), items(answer_of("many"))]
    desk = desk_of([worked(15)], replies)
    data = desk.write(Order("next", 1), votes=5, agreement=agreement, refills=0)
    assert len(data) == kept
    assert desk.incidents["disagreement"] == 1 - kept


@pytest.mark.parametrize("right", [7, 14])
def test_exactly_the_agreement_is_enough(right: int) -> None:
    """7 of 25 is 0.28 and 14 is 0.56, though 0.28 * 25 > 7 and 0.56 * 25 > 14 in floating point.

    The others all differ.
    """
    others = [items(answer_of(100 + n)) for n in range(25 - right)]
    desk = desk_of([worked(15)], [items(answer_of(16))] * (right - 1) + others)
    data = desk.write(Order("next", 1), votes=25, agreement=right / 25)
    assert len(data) == 1


def test_a_call_is_one_vote_however_many_solutions_it_gives() -> None:
    replies = [items(*[answer_of(9)] * 5), items(answer_of(16))]
    desk = desk_of([worked(15)], replies)
    (example,) = desk.write(Order("next", 1), votes=3, agreement=0.6)
    assert example.target == "Add 1. So 16."


def test_votes_for_one_problem_are_no_votes_for_another() -> None:
    """15: 16, 16; 20: 21, 9. The second has half of its votes."""
    replies = [items(answer_of(16)), items(answer_of(9))]
    desk = desk_of([worked(15), worked(20)], replies)
    data = desk.write(Order("next", 2), votes=2, agreement=0.6, refills=0)
    assert [e.target for e in data] == ["Add 1. So 16."]


# -- rejected ----------------------------------------------------------------------------------


def test_a_rejected_response_has_the_form_of_a_target() -> None:
    reply = items(worked(15, wrong_solution="Take 1.", wrong_answer=14))
    desk = Desk(lambda text, n: reply, WorkedTask())
    (example,) = desk.write(Order("next", 1), rejected=True)
    assert (example.target, example.rejected) == ("Add 1. So 16.", "Take 1. So 14.")
    order = ["`problem`", "`solution`", "`answer`", "`wrong_solution`", "`wrong_answer`"]
    places = [desk.prompts[0].index(f"- {field}: ") for field in order]
    assert places == sorted(places)


@pytest.mark.parametrize(("wrong", "incident"), [("016", "not-wrong"), ("fourteen", "bad-draft")])
def test_a_wrong_response_that_is_right_or_no_response_is_left_out_alone(
    wrong: str, incident: str
) -> None:
    reply = items(worked(15, wrong_solution="Take 1.", wrong_answer=wrong))
    desk = Desk(lambda text, n: reply, WorkedTask())
    (example,) = desk.write(Order("next", 1), rejected=True)
    assert (example.target, example.rejected) == ("Add 1. So 16.", None)
    assert desk.incidents == {incident: 1}


def test_a_wrong_response_that_cannot_be_graded_is_not_known_to_be_wrong() -> None:
    class Unsure(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return 1.0 if response == example.target else math.nan

    reply = items({"problem": "copy: abcde", "answer": "abcde", "wrong_answer": "?"})
    desk = Desk(lambda text, n: reply, Unsure())
    (example,) = desk.write(Order("copy", 1), rejected=True)
    assert example.rejected is None
    assert desk.incidents == {"not-wrong": 1}


def test_in_two_stages_the_wrong_response_comes_with_the_solution() -> None:
    solution = items(answer_of(16, wrong_solution="Take 1.", wrong_answer=14))
    desk = desk_of([{"problem": "next: 15"}], [solution])
    (example,) = desk.write(Order("next", 1), rejected=True, stages=2)
    assert example.rejected == "Take 1. So 14."
    assert "wrong" not in desk.prompts[0]


def test_among_votes_the_rejected_response_is_one_that_lost() -> None:
    """16 with the problem, then 8, 9, 9, 16, 16: half of six; of those that lost, nine has most."""
    replies = [items(answer_of(n)) for n in (8, 9, 9, 16, 16)]
    desk = desk_of([worked(15)], replies)
    (example,) = desk.write(Order("next", 1), rejected=True, votes=6)
    assert (example.target, example.rejected) == ("Add 1. So 16.", "Add 1. So 9.")
    assert example.meta["confidence"] == 0.5
    assert "wrong" not in json.dumps(desk.asked)


def test_where_all_votes_agree_there_is_nothing_to_reject() -> None:
    desk = desk_of([worked(15)], [items(answer_of(16))] * 2)
    (example,) = desk.write(Order("next", 1), rejected=True, votes=3)
    assert example.rejected is None
