"""Engines that alter the steps of worked solutions: what they write, weigh and leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from teachgym.engines import ENGINES
from teachgym.engines.other_answers import reordered
from teachgym.engines.steps import steps_of, with_result, wrong_result
from teachgym.errors import ConfigError
from teachgym.gate import Gate, GateSettings
from teachgym.tasks import make_task
from teachgym.testing import ToyTask, check_engine
from teachgym.types import Data, Order, Plan

STORIES = make_task("word-problems", val_per_cell=1, test_per_cell=1, train_per_cell=2)
PLAN = Plan((Order("get", 200, 1.0), Order("fewer", 100, 0.0)))
"""200 problems of five or six steps, and 100 of one or two."""


def made(name: str, seed: int = 0, plan: Plan = PLAN, **settings: Any) -> Data:
    engine = ENGINES.make(name, STORIES, settings=settings)
    return engine.generate(plan, np.random.default_rng(seed))


def calculation(line: str) -> bool:
    """Whether a step is right."""
    terms, _, result = line.strip().partition("=")
    return eval(terms) == float(result)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", ["reflections", "erring-steps", "bare-answers", "other-answers"])
def test_the_contract(name: str) -> None:
    check_engine(ENGINES.make(name, STORIES), STORIES)
    assert made(name) == made(name)
    assert made(name) != made(name, 1)
    with pytest.raises(ConfigError, match=f"engine '{name}' works on the steps .*'toy-v0'"):
        ENGINES.make(name, ToyTask())


def test_a_wrong_result_is_near_and_never_below_zero() -> None:
    """Of 2 it is 0, 1 or 3 to 11, and of 30 one of 21 to 29 and 31 to 39."""
    rng = np.random.default_rng(0)
    assert {wrong_result("4-2=2", rng) for _ in range(500)} == {0, 1, *range(3, 12)}
    assert {wrong_result("5*6=30\n", rng) for _ in range(900)} == {*range(21, 30), *range(31, 40)}
    assert wrong_result("so it is", rng) is None
    assert with_result("#### 30", 7) == "#### 7"
    assert steps_of("") == ([], "")


def test_errors_are_followed_by_a_reflection_and_the_right_step() -> None:
    """In half of 300, within four standard errors of 8.7; all steps but the error are right."""
    data = made("reflections")
    altered = [e for e in data if e.spans]
    assert abs(len(altered) - 150) < 35
    for example in altered:
        assert "".join(text for text, _ in example.spans) == example.target
        *before, (wrong, masked), (after, learned) = example.spans
        notice, rest = after.split("\n", 1)
        assert (masked, notice, learned) == (0.0, "no, that is wrong:", 1.0)
        steps, _ = steps_of("".join(text for text, _ in before) + rest)
        assert all(map(calculation, steps))
        assert not calculation(wrong)
        assert wrong.partition("=")[0] == rest.partition("=")[0]
        assert STORIES.verify(example) == 1
    assert len(Gate(STORIES).inspect(data).accepted) == len({e.prompt for e in data})


def test_errors_are_learned_where_nothing_is_masked_and_none_is_made_at_share_0() -> None:
    masked, learned = made("reflections", share=1.0), made("reflections", share=1.0, masked=False)
    assert [e.target for e in masked] == [e.target for e in learned]
    assert {weight for e in learned for _, weight in e.spans} == {1.0}
    assert all(e.spans for e in masked)
    assert all(not e.spans for e in made("reflections", share=0.0))


@pytest.mark.parametrize(("steps", "of_five", "of_six"), [(0.0, 1, 1), (0.5, 2, 3), (1.0, 5, 6)])
def test_wrong_answers_have_so_many_wrong_steps(steps: float, of_five: int, of_six: int) -> None:
    """Every answer is wrong, and of n steps round(steps * n) are, at least one, the last among."""
    expected = {1: 1, 2: max(1, round(steps * 2)), 5: of_five, 6: of_six}
    for example in made("erring-steps", wrong=1.0, steps=steps):
        lines, answer = steps_of(example.target)
        wrong = [not calculation(line) for line in lines]
        assert wrong[-1]
        assert sum(wrong) == expected[len(lines)]
        assert answer == f"#### {lines[-1].partition('=')[2].strip()}"
        assert STORIES.verify(example) == 0


def test_answers_are_wrong_at_their_rate() -> None:
    """Of 300 a quarter, within four standard errors of 7.5; the others are right to the letter."""
    data = made("erring-steps", wrong=0.25, steps=1.0)
    wrong = [e for e in data if not STORIES.verify(e)]
    assert abs(len(wrong) - 75) < 30
    for example in data:
        lines, _ = steps_of(example.target)
        assert {calculation(line) for line in lines} == {example not in wrong}


def test_bare_answers_are_the_last_lines() -> None:
    for example in made("bare-answers"):
        assert example.target.startswith("#### ")
        assert "\n" not in example.target
        assert STORIES.verify(example) == 1


# -- drafts --------------------------------------------------------------------------------

AGAIN = make_task(
    "second-try",
    task="word-problems",
    task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    notice="again:",
    always=True,
)


def drafted(task: Any = AGAIN, **settings: Any) -> Data:
    engine = ENGINES.make("drafts", task, settings=settings)
    return engine.generate(PLAN, np.random.default_rng(0))


def test_drafts_come_before_solutions_and_are_not_learned() -> None:
    """Three in four of 300 are wrong, within four standard errors of 7.5."""
    check_engine(ENGINES.make("drafts", AGAIN), AGAIN)
    data = drafted()
    wrong = 0
    for example in data:
        (turn,) = example.turns
        assert (turn.reply, turn.learned) == ("again:", False)
        assert STORIES.verify(example) == 1
        right = STORIES.grade(example, turn.response)
        assert (turn.response == example.target) == (right == 1)
        wrong += right < 1
    assert abs(wrong - 225) < 30
    assert {t.learned for e in drafted(masked=False) for t in e.turns} == {True}
    assert len(Gate(AGAIN).inspect(data).accepted) == len({e.prompt for e in data})


def test_right_drafts_that_nobody_answers_are_left_out() -> None:
    """Where only wrong answers are answered, a draft is wrong."""
    task = AGAIN.__class__(task="word-problems", task_settings={"train_per_cell": 1})
    for example in drafted(task, wrong=0.5):
        assert all(STORIES.grade(example, turn.response) == 0 for turn in example.turns)
    assert all(not e.turns for e in drafted(task, wrong=0.0))
    with pytest.raises(ConfigError, match="answers back, such as 'second-try'"):
        ENGINES.make("drafts", STORIES)


# -- other-answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "others"),
    [
        (["10-8=2\n", "2+5=7\n"], ["10+5=15\n15-8=7\n", "5+10=15\n15-8=7\n"]),
        (["9-4=5\n", "5-2=3\n"], ["9-2=7\n7-4=3\n"]),
        (["3+4=7\n", "7*2=14\n"], ["4+3=7\n7*2=14\n"]),
        (["8/2=4\n", "4+1=5\n", "9-1=8\n"], ["8/2=4\n1+4=5\n9-1=8\n"]),
        (["8/2=4\n"], []),
    ],
)
def test_sums_come_in_all_orders_without_results_below_zero(
    steps: list[str], others: list[str]
) -> None:
    """5 - 8 is below 0, and 9 - 1 does not follow from 5."""
    rng = np.random.default_rng(0)
    found = {"".join(reordered(steps, rng)) for _ in range(200)}
    assert found - {"".join(steps)} == set(others)


def test_questions_stay_and_solutions_are_new_and_right() -> None:
    seed = next(e for e in STORIES.examples("train") if e.skill == "get" and "\n" in e.target)
    data = made("other-answers", plan=Plan((Order("get", 30, seeds=(seed.id,)),)))
    assert data
    assert {e.prompt for e in data} == {seed.prompt}
    targets = {e.target for e in data}
    assert len(targets | {seed.target}) == len(data) + 1
    for example in data:
        lines, answer = steps_of(example.target)
        assert all(map(calculation, lines))
        assert answer == steps_of(seed.target)[1]
    assert len(Gate(STORIES, GateSettings(duplicates="allow")).inspect(data).accepted) == len(data)
    divided = next(
        e for e in STORIES.examples("train") if e.target.count("\n") == 1 and "/" in e.target
    )
    assert made("other-answers", plan=Plan((Order("split", 5, seeds=(divided.id,)),))) == ()
