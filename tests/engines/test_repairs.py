"""Programs that a chat model writes with their tests, run, and given back with what failed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from teachgym.chat.scripted import Scripted
from teachgym.engines import ENGINES
from teachgym.errors import ChatError, ConfigError
from teachgym.tasks.programs import Programs
from teachgym.types import Order, Plan
from tests.sandbox.walls import sandbox_or_skip

TESTS = "f(12) == 3\nf(0) == 0\nf(99) == 18\nf(100) == 1"
WRONG, RIGHT = "def f(x):\n    return x", "def f(x):\n    return sum(map(int, str(x)))"
NUMBERS = ("first", "second")
PLAN = Plan((Order("digits", 1),))


@pytest.fixture(scope="module")
def task() -> Programs:
    sandbox_or_skip()
    return Programs(val_per_cell=1, test_per_cell=1, train_per_cell=1)


class Author:
    """Writes a wrong program first, and a right one when told ``after`` times what failed."""

    def __init__(self, after: int) -> None:
        self.after, self.told = after, list[str]()

    def __call__(self, messages: Any, schema: Any, draw: int) -> str:
        asked = messages[-1]["content"]
        if "Something is wrong in this item" in asked:
            self.told.append(asked)
            right = len(self.told) >= self.after
            item = {"tests": TESTS, "answer": RIGHT if right else WRONG}
        else:
            item = {"problem": f"Add the digits of x ({draw}).", "tests": TESTS, "answer": WRONG}
        return json.dumps({"items": [item]})


def written(task: Programs, author: Author, **settings: Any) -> Any:
    engine = ENGINES.make("llm", task, settings={"refills": 0, **settings}, chat=Scripted(author))
    return engine.generate(PLAN, np.random.default_rng(0))


def test_a_failing_program_is_given_back_with_its_log_until_it_passes(task: Programs) -> None:
    author = Author(after=2)
    (example,) = written(task, author, repairs=3)
    assert example.target == RIGHT
    assert example.meta["tests"] == ("f(99) == 18", "f(100) == 1")
    assert task.verify(example) == 1.0
    assert len(author.told) == 2
    assert "f(12) == 3: got 12" in author.told[0]


@pytest.mark.parametrize(("repairs", "told"), [(0, 0), (1, 1), (2, 2)])
def test_what_is_not_mended_in_time_is_not_trained_on(
    task: Programs, repairs: int, told: int
) -> None:
    author = Author(after=3)
    assert written(task, author, repairs=repairs) == ()
    assert len(author.told) == told


def test_a_lost_repair_costs_its_own_item_only(task: Programs) -> None:
    """Nobody answers how to mend the first of two wrong programs; the second is mended."""
    author = Author(after=1)

    def answer(messages: Any, schema: Any, draw: int) -> str:
        asked = messages[-1]["content"]
        if "Something is wrong in this item" in asked and "first digits" in asked:
            raise ChatError("gone")
        reply = json.loads(author(messages, schema, draw))
        (item,) = reply["items"]
        if "problem" in item:
            reply["items"] = [{**item, "problem": f"Add the {n} digits of x."} for n in NUMBERS]
        return json.dumps(reply)

    engine = ENGINES.make("llm", task, settings={"refills": 0, "repairs": 1}, chat=Scripted(answer))
    plan = Plan((Order("digits", 2),))
    (example,) = engine.generate(plan, np.random.default_rng(0))
    assert "second digits" in example.prompt
    assert len(author.told) == 1


@pytest.mark.parametrize("others", [{"votes": 3}, {"verify": False}])
def test_repairs_need_a_verdict_on_one_solution(task: Programs, others: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"repairs is 1, .* it must be 0, or votes 1 and verify"):
        written(task, Author(1), repairs=1, **others)
