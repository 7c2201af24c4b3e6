"""``inverse``: chains of sums undone by hand, what is left alone, and whole engines."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from teachgym.engines import ENGINES
from teachgym.engines.inverse import INVERSE, Verify, inverted, with_inverse
from teachgym.errors import ConfigError
from teachgym.gate import Gate
from teachgym.tasks import make_task
from teachgym.tasks.stories import solve
from teachgym.tasks.story_rules import FRACTIONS
from teachgym.testing import ToyTask
from teachgym.types import Example, Order, Plan, leaf_skills

STORIES = make_task("word-problems", val_per_cell=1, test_per_cell=1, train_per_cell=1)
CHAIN = Example(
    "Sam has 59 cups. Sam gets 6. Half go. Of 90 he lacks them. How many?\n",
    "59+6=65\n65-5=60\n60/2=30\n90-30=60\n#### 60",
    "get",
)


TOLD_BY_NONE = ("spare", "rest", "gap", "square")
"""Skills of which no sentence can be undone: they use a number twice, or one that is not told."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def knows(example: Example) -> Verify:
    """The verdict of a task that knows one question, and that its answer is right."""
    return lambda other: float(other.prompt == example.prompt)


def test_a_chain_is_undone_from_its_end() -> None:
    """90 - x = 60 gives 90 - 60, x / 2 = 30 gives 30 * 2, x - 5 = 60 gives 60 + 5."""
    question = (
        "Sam has x cups. Sam gets 6. Half go. Of 90 he lacks them. How many? 60. What is x?\n"
    )
    assert inverted(CHAIN, knows(CHAIN)) == (
        question,
        "90-60=30\n30*2=60\n60+5=65\n65-6=59\n#### 59",
    )


@pytest.mark.parametrize(
    ("step", "undone"),
    [
        ("4*7=28", "28/7=4"),
        ("4+7=11", "11-7=4"),
        ("4-1=3", "3+1=4"),
        ("4/2=2", "2*2=4"),
    ],
)
def test_each_operation_has_its_inverse(step: str, undone: str) -> None:
    told = Example("4 are there.\n", f"{step}\n#### {step.split('=')[1]}", "get")
    assert inverted(told, knows(told)) == (
        f"x are there. {step.split('=')[1]}. What is x?\n",
        f"{undone}\n#### 4",
    )


@pytest.mark.parametrize(
    ("operation", "undone"),
    [("7*4=28", "28/7=4"), ("7+4=11", "11-7=4"), ("7-4=3", "7-3=4"), ("8/4=2", "8/2=4")],
)
def test_the_unknown_may_stand_second(operation: str, undone: str) -> None:
    result = operation.split("=")[1]
    told = Example("9 are there.\n", f"9-5=4\n{operation}\n#### {result}", "get")
    found = inverted(told, knows(told))
    assert found is not None
    assert found[1] == f"{undone}\n4+5=9\n#### 9"


@pytest.mark.parametrize(
    ("prompt", "target"),
    [
        ("Sam has 4 cups, Ann 4.\n", "4+5=9\n#### 9"),  # Which of them is x?
        ("Sam has 44 cups.\n", "4+5=9\n#### 9"),  # Not said at all.
        ("34 cups, half go.\n", "34/2=17\n34-17=17\n#### 17"),  # Used again.
        ("4 and 6, half go.\n", "4+6=10\n10/2=5\n10-5=5\n#### 5"),  # Is 10 known?
        ("4 cups.\n", "4+5=9\n3*2=6\n#### 6"),  # Does not go on.
        ("4 cups.\n", "4*0=0\n#### 0"),  # Any number would do.
        ("7 cups.\n", "7/2=3\n#### 3"),  # Leaves a rest.
        ("4 cups.\n", "4+5=9\n#### 8"),  # Another answer.
        ("4 cups.\n", "4 and 5 are 9\n#### 9"),
        ("4 cups.\n", "#### 4"),
    ],
)
def test_what_is_not_consistent_is_left_alone(prompt: str, target: str) -> None:
    example = Example(prompt, target, "get")
    assert inverted(example, knows(example)) is None
    assert with_inverse(example, knows(example)) == (example,)


@pytest.mark.parametrize(
    ("prompt", "target"),
    [
        (  # 7 boxes of 7: boxes of 49 leave 6 as well.
            "Uma has 55 figs. Uma fills boxes of 7 figs and keeps the rest. "
            "How many figs does Uma have?\n",
            "7*7=49\n55-49=6\n#### 6",
        ),
        (  # 9 boxes are filled, and Kim has something else 9 times: any number will do.
            "Kim has 9 balls. Kim has 37 figs. Kim fills boxes of 4 figs and keeps the rest. "
            "How many figs does Kim have?\n",
            "9*4=36\n37-36=1\n#### 1",
        ),
        (  # 1 of the tray of 5 is missing from 4, and from 9 and 14, too.
            "Ida has 4 pens. The last tray of 5 pens of Ida is not full, and Leo can just fill it. "
            "Jon has 1 pens. How many pens does Leo have?\n",
            "1*5=5\n5-4=1\n#### 1",
        ),
        (  # The side of the square is also the number of Jon's jars.
            "Eva has 6 jars. Jon has 2 jars. Eva lays the largest square of jars and picks up the "
            "others. How many jars does Eva have?\n",
            "2*2=4\n6-4=2\n#### 2",
        ),
    ],
)
def test_a_number_that_is_calculated_is_not_asked_for(prompt: str, target: str) -> None:
    example = Example(prompt, target, "rest")
    assert STORIES.verify(example) == 1
    assert inverted(example, STORIES.verify) is None


def test_a_task_that_cannot_solve_its_questions_has_no_backward_ones() -> None:
    assert inverted(CHAIN, lambda other: 1.0) is None


@pytest.mark.sweep(7)
@pytest.mark.parametrize("skill", leaf_skills(STORIES.skills))
def test_the_hidden_number_is_the_only_one_that_leads_to_the_answer(skill: str) -> None:
    """The backward questions of drawn stories, read and solved with each number from 1 to 200.

    The reasoning is true, and works with numbers that were told or that it found before.
    """
    draws, asked = rng(), 0
    for level in (0.0, 0.5, 1.0) * 3:
        if found := inverted(STORIES.make(skill, level, draws), STORIES.verify):
            story, answer = re.fullmatch(r"(.*) (\d+)\. What is x\?\n", found[0], re.S).groups()  # type: ignore[union-attr]
            solved = {n: solve(re.sub(r"\bx\b", str(n), story)) for n in range(1, 201)}
            right = [n for n, s in solved.items() if s is not None and s.answer == int(answer)]
            *steps, last = found[1].splitlines()
            assert last == f"#### {right[0]}"
            assert len(right) == 1
            known = {*re.findall(r"\d+", f"{story} {answer}"), *map(str, FRACTIONS), "100"}
            for step in steps:
                assert eval(step.replace("=", "=="))
                first, second, result = re.findall(r"\d+", step)
                assert {first, second} <= known
                known.add(result)
            assert steps[-1].endswith(f"={right[0]}")
            asked += 1
    assert asked == 0 if skill in TOLD_BY_NONE else asked > 0


def test_three_examples_are_one_for_the_loss() -> None:
    forward, asked, backward = with_inverse(CHAIN, knows(CHAIN))
    found = inverted(CHAIN, knows(CHAIN))
    assert found is not None
    assert (forward.prompt, forward.target, forward.kind) == (
        CHAIN.prompt,
        CHAIN.target,
        "exercise",
    )
    assert (asked.prompt, asked.target) == (f"Ask backward: {CHAIN.prompt}", found[0])
    assert (backward.prompt, backward.target) == found
    assert asked.kind == backward.kind == INVERSE
    assert {e.meta["joint"] for e in (forward, asked, backward)} == {CHAIN.identity}


@pytest.mark.parametrize("skill", ["get", "spare", "together"])
def test_orders_are_filled_and_what_is_made_passes_the_gate(skill: str) -> None:
    """Most stories of two skills can be undone; ``spare`` uses its number twice."""
    engine: Any = ENGINES.make("inverse", STORIES)
    data = engine.generate(Plan((Order(skill, 20, 0.0),)), rng())
    assert len(data) == 20
    kinds = Counter(e.kind for e in data)
    assert kinds[INVERSE] == 0 if skill == "spare" else kinds[INVERSE] > 10
    assert Gate(STORIES).inspect(data).rejected == ()
    again = engine.generate(Plan((Order(skill, 20, 0.0),)), rng())
    assert again == data


def test_tasks_without_worked_solutions_are_refused() -> None:
    with pytest.raises(ConfigError, match="works on the steps of worked solutions"):
        ENGINES.make("inverse", ToyTask())
