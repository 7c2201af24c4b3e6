"""Solutions by plans: who is shown what, what is paid, what is kept, and no word of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from teachgym.chat.scripted import Scripted
from teachgym.engines import ENGINES
from teachgym.engines.plan_guided import tells
from teachgym.errors import ChatError, ConfigError
from teachgym.ledger import Ledger
from teachgym.protocols import Task
from teachgym.tasks import make_task
from teachgym.testing import ToyTask, check_engine
from teachgym.testing.toy import solve
from teachgym.types import Budget, Data, Messages, Order, Plan
from tests.engines.writing import WorkedTask, items, solved
from tests.sandbox.walls import sandbox_or_skip

PLAN = Plan((Order("reverse", 6, 0.5),))
STEPS = "Read it from the end.\nWrite letter by letter."
Answer = Callable[[str, int], str]


class Desk:
    """An engine at a chat model that answers by ``answer(text of the question, n)``, one by one."""

    def __init__(self, answer: Answer, task: Task | None = None, **settings: Any) -> None:
        self.asked: list[str] = []
        self.ledger = Ledger(settings.pop("budget", Budget()))

        def reply(messages: Messages, schema: Any, draw: int) -> str:
            self.asked.append(messages[-1]["content"])
            return answer(self.asked[-1], len(self.asked) - 1)

        task, chat = task or ToyTask(), Scripted(reply)
        services = {"meter": self.ledger.meter, "chat": chat}
        self.engine = ENGINES.make("plan-guided", task, settings=settings, **services)
        self.engine.asker.workers = 1

    def made(self, seed: int = 0, plan: Plan = PLAN) -> Data:
        data: Data = self.engine.generate(plan, np.random.default_rng(seed))
        return data

    @property
    def events(self) -> Counter[str]:
        return Counter(incident.event for incident in self.ledger.incidents)


def plans(text: str) -> bool:
    return text.startswith("The exercise:")


def well(text: str, n: int) -> str:
    """Plans, and solves whatever it is asked."""
    return items({"plan": STEPS} if plans(text) else {"answer": solve(solved(text))})


def test_the_contract() -> None:
    desk = Desk(well)
    check_engine(desk.engine, ToyTask())


def test_who_plans_sees_the_answer_and_who_solves_sees_the_plan_instead() -> None:
    desk = Desk(well)
    data = desk.made()
    assert [plans(text) for text in desk.asked] == [True, False] * 6
    for example, planning, solving in zip(data, desk.asked[::2], desk.asked[1::2], strict=True):
        assert f"\n{example.prompt}\n" in planning
        assert f"\n{example.target}\n" in planning
        assert f"\n{example.prompt}\n" in solving
        assert f"\n{example.target}\n" not in solving
        assert STEPS in solving
        assert example.target == solve(example.prompt)
        assert not tells(f"{example.prompt} {example.target} {example.meta}", STEPS)
    assert desk.ledger.spent.teacher_calls == 12


@pytest.mark.parametrize(("planned", "calls"), [(True, 2), (True, 4), (False, 2), (False, 1)])
def test_what_is_wrong_is_tried_again_until_the_calls_are_used_up(
    planned: bool, calls: int
) -> None:
    """Always wrong: every call is made, for nothing. Right the second time: one attempt more."""
    settings: dict[str, Any] = {"planned": planned, "calls": calls}
    attempts = calls - planned

    def in_vain(text: str, n: int) -> str:
        return well(text, n) if plans(text) else items({"answer": "?"})

    wrong = Desk(in_vain, **settings)
    assert wrong.made() == ()
    assert wrong.ledger.spent.teacher_calls == 6 * calls
    assert wrong.events == {"unverified": 6 * attempts}
    tries: Counter[str] = Counter()

    def later(text: str, n: int) -> str:
        tries.update([] if plans(text) else [solved(text)])
        is_first = not plans(text) and tries[solved(text)] == 1
        return in_vain(text, n) if is_first else well(text, n)

    second = Desk(later, **settings)
    assert len(second.made()) == (6 if attempts > 1 else 0)
    assert second.ledger.spent.teacher_calls == 6 * (planned + min(attempts, 2))


@pytest.mark.parametrize("plan", ["", "Write {answer}.", "The answer, spelt {answer}, is it."])
def test_without_a_plan_or_with_one_that_tells_the_answer_nothing_is_solved(plan: str) -> None:
    def tell(text: str, n: int) -> str:
        exercise = text.split("```")[1].strip()
        told = plan.format(answer=solve(exercise).upper())
        return items({"plan": told}) if plan else items()

    desk = Desk(tell)
    assert desk.made() == ()
    assert all(map(plans, desk.asked))
    assert desk.events == {"unplanned": 6}


@pytest.mark.parametrize("told", ["", "read it, FROM the end", "Read it.", "1. Read it"])
def test_what_has_a_line_of_the_plan_is_not_kept_though_it_is_right(told: str) -> None:
    """Of a worked solution, which the task does not grade; two words may be by chance."""

    def retell(text: str, n: int) -> str:
        if plans(text):
            return items({"plan": "1. Read it.\n2. Read it from the end."})
        number = int(solved(text).split()[-1])
        return items({"solution": f"Add 1. {told}", "answer": number + 1})

    desk = Desk(retell, WorkedTask())
    data = desk.made(plan=Plan((Order("next", 4, 0.5),)))
    assert len(data) == (0 if "end" in told else 4)
    assert desk.events["plan-told"] == 4 - len(data)
    assert all(e.target.startswith("Add 1. ") for e in data)


def test_an_answer_that_the_task_has_no_form_for_is_none() -> None:
    desk = Desk(lambda t, n: items({"plan": STEPS, "solution": "I", "answer": "one"}), WorkedTask())
    assert desk.made(plan=Plan((Order("next", 3, 0.5),))) == ()
    assert desk.events == {"unsolved": 3}


def test_plans_do_not_use_up_what_solutions_need() -> None:
    """With one exercise at a time, five calls are two exercises and a plan."""
    desk = Desk(well, budget=Budget(teacher_calls=5))
    assert len(desk.made()) == 2
    assert desk.ledger.spent.teacher_calls == 5


@pytest.mark.parametrize("planned", [True, False])
def test_what_is_solved_stays_when_no_more_calls_get_through(planned: bool) -> None:
    """The server leaves after two of six exercises, each asked by itself; it is asked once more."""
    served = 2 * (1 + planned)

    def leaving(text: str, n: int) -> str:
        if n >= served:
            raise ChatError("the server has left")
        return well(text, n)

    desk = Desk(leaving, planned=planned)
    assert len(desk.made()) == 2
    assert desk.events == {"lost": 1}
    assert len(desk.asked) == served + 1
    with pytest.raises(ChatError, match="the server has left"):
        Desk(lambda text, n: leaving(text, served), planned=planned).made()


def test_seeds_decide_and_each_exercise_has_draws_of_its_own() -> None:
    assert Desk(well).made() == Desk(well).made()
    assert Desk(well).made(1) != Desk(well).made()


def test_bad_settings_are_refused() -> None:
    chat = Scripted(lambda messages, schema, draw: "")
    with pytest.raises(ConfigError, match="calls is 1, which is that for the plan"):
        ENGINES.make("plan-guided", ToyTask(), settings={"calls": 1}, chat=chat)
    with pytest.raises(ConfigError, match="asks a chat model and none is given"):
        ENGINES.make("plan-guided", ToyTask())


def test_programs_are_refused() -> None:
    sandbox_or_skip()
    chat = Scripted(lambda messages, schema, draw: "")
    with pytest.raises(ConfigError, match="hands in answers without tests"):
        ENGINES.make("plan-guided", make_task("programs"), chat=chat)
