"""What a real student learns from wrong steps: masked ones, and those of wrong solutions."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from teachgym.engines import ENGINES
from teachgym.engines.steps import steps_of, with_result, wrong_result
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.types import Data, Order, Plan, Prompt

STORIES = make_task("word-problems", val_per_cell=1, test_per_cell=1, train_per_cell=1)
KINDS = ("get", "lose", "grow", "split", "more", "fewer")
COUNT = 180
OFTEN = {"epochs": 3, "learning_rate": 0.004}
"""More than the usual pass, after which hardly an error is repeated, masked or not."""


def taught(
    seed: int,
    level: float,
    engine: str = "procedural",
    trainer: dict[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """The shipped student after ``COUNT`` examples."""
    plan = Plan(tuple(Order(kind, COUNT // len(KINDS), level) for kind in KINDS))
    made = ENGINES.make(engine, STORIES, settings=settings)
    data = made.generate(plan, np.random.default_rng(seed))
    student = make_student("small", STORIES)
    make_trainer(student, **trainer or {}).train(student, data, np.random.default_rng(seed))
    return student


def asked(count: int, level: float) -> Data:
    """Problems of another stream than what is taught."""
    rng = np.random.default_rng(99)
    return tuple(STORIES.make(KINDS[i % len(KINDS)], level, rng) for i in range(count))


def right(student: Any, items: Data, before: Sequence[str]) -> float:
    """The share of right answers after the beginnings of solutions."""
    prompts = [Prompt(e.prompt + text) for e, text in zip(items, before, strict=True)]
    return fmean(map(STORIES.grade, items, student.generate(prompts)))


def errors(items: Data) -> list[str]:
    """A wrong first step for each."""
    rng, wrong = np.random.default_rng(0), list[str]()
    for item in items:
        first = steps_of(item.target)[0][0]
        result = wrong_result(first, rng)
        assert result is not None
        wrong.append(with_result(first, result))
    return wrong


@pytest.mark.slow
def test_masked_errors_are_not_repeated_and_are_recovered_from() -> None:
    """Whoever learns errors makes them; whoever only reads them learns to mend them.

    The probability of a wrong first step in two seeds: 0.0011 and 0.0064 masked, 0.0134 and 0.0146
    learned. Right answers after one: 0.65 and 0.60, if it was learned 0.23 and 0.13, and after
    training on solutions without errors 0.03 and 0.03.
    """
    items = asked(40, 0.0)
    wrong = errors(items)

    def repeats(student: Any) -> float:
        """The mean probability of the wrong steps, without the end that would follow them."""
        told = student.logprobs([Prompt(e.prompt) for e in items], wrong)
        return fmean(float(np.exp(each[:-1].sum())) for each in told)

    for seed in range(2):
        masked = taught(seed, 0.0, "reflections", OFTEN, share=1.0)
        learned = taught(seed, 0.0, "reflections", OFTEN, share=1.0, masked=False)
        expert = taught(seed, 0.0, trainer=OFTEN)
        assert repeats(masked) < repeats(learned)
        assert right(masked, items, wrong) > right(expert, items, wrong) + 0.3


@pytest.mark.slow
def test_at_equal_wrong_answers_fewer_wrong_steps_teach_more() -> None:
    """Half of the answers to hard problems are wrong, by the last step alone or by every step.

    Right answers to 90 hard problems in three seeds: 0.678, 0.689 and 0.689 against 0.656, 0.589
    and 0.544. That hard problems with errors teach more than easy ones without is not asserted:
    those gave 0.711, 0.689 and 0.689.
    """
    items = asked(90, 1.0)
    blank = [""] * len(items)
    for seed in range(3):
        few, many = (
            right(taught(seed, 1.0, "erring-steps", wrong=0.5, steps=steps), items, blank)
            for steps in (0.0, 1.0)
        )
        assert few > many
