"""The scripted teachers in Skill-List and Skill-Tree: levels, subskills, and when to explore."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.skill_list import LLMSkillList
from teachgym.agents.llm.skill_tree import LLMSkillTree
from teachgym.benchmarks.bench.scripted_teacher import ScriptedTeacher, answer, answer_weakly
from teachgym.chat.scripted import Scripted
from teachgym.forest.forest import Forest, Subskill
from teachgym.forest.space import TreeReport
from teachgym.ledger import Ledger
from teachgym.syllabus import Syllabus
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.types import (
    Budget,
    Example,
    Exploit,
    Explore,
    Move,
    Plan,
    Prediction,
    Report,
    leaf_skills,
    root_skills,
)

TASK = ArithmeticAndStrings(val_per_cell=3, test_per_cell=1, train_per_cell=3)
ROOTS = root_skills(TASK.skills)
Responses = Callable[[Example], str]


def report(respond: Responses) -> Report:
    predictions = (
        Prediction(e, respond(e), TASK.grade(e, respond(e))) for e in TASK.examples("val")
    )
    return Report(tuple(predictions), "val")


def half(example: Example) -> str:
    """The first half of the right answer, and at least one letter of it."""
    return example.target[: max(len(example.target) // 2, 1)]


def classroom(per_step: int) -> Classroom:
    return Classroom(Syllabus.of(TASK), Ledger(Budget(steps=1)), per_step, TASK.levels)


# -- Skill-List ----------------------------------------------------------------------------


def ordered(respond: Responses, *, chat: ScriptedTeacher = answer, state: bool = True) -> Plan:
    room = classroom(320)
    teacher = LLMSkillList(room, chat=Scripted(chat), state=state, only_errors=True)
    return teacher.act(report(respond))


def sums_by_level(example: Example) -> str:
    """Hopeless in easy sums, half right in hard ones, right in all else."""
    if example.skill != "add" or example.difficulty == 0.5:
        return example.target
    return "?" if example.difficulty == 0 else half(example)


@pytest.mark.parametrize(("chat", "least", "most"), [(answer, 1, 13), (answer_weakly, 160, 160)])
def test_levels_get_data_by_how_near_the_mistakes_are_or_by_their_number(
    chat: ScriptedTeacher, least: int, most: int
) -> None:
    """Three mistakes at either level: 0.01 each against (2/4)^2 or more.

    So 320 * 0.03 / 0.78 = 12.3 at most for the strong teacher; 160 for the one that counts.
    """
    plan = ordered(sums_by_level, chat=chat)
    counts = {order.difficulty: order.count for order in plan.orders}
    assert set(counts) == {0.0, 1.0}
    assert least <= counts[0.0] <= most
    assert counts[0.0] + counts[1.0] == 320


def test_without_state_every_level_gets_what_is_shown_of_it() -> None:
    """A level has its ten examples shared by what is shown: all levels alike, about."""
    plan = ordered(lambda e: e.target, state=False)
    assert {order.skill for order in plan.orders} == set(leaf_skills(TASK.skills))
    levels = Counter(order.difficulty for order in plan.orders for _ in range(order.count))
    assert set(levels) == {0.0, 0.5, 1.0}
    assert min(levels.values()) > 0.5 * max(levels.values())


def test_of_a_skill_without_mistakes_it_orders_any_level() -> None:
    """Ten examples for each of 32 skills."""
    teacher = LLMSkillList(classroom(320), chat=Scripted(answer))
    plan = teacher.act(report(lambda e: e.target))
    assert {(order.count, order.difficulty) for order in plan.orders} == {(10, None)}


# -- Skill-Tree ----------------------------------------------------------------------------


def moved(
    respond: Responses,
    *known: str,
    room: int = 8,
    chat: ScriptedTeacher = answer,
) -> Move:
    """Its move for arithmetic, of which ``known`` are known; ``room`` subskills have a place."""
    forest = Forest.bare(ROOTS, room)
    trees: Mapping[str, tuple[Subskill, ...]] = {
        **forest.trees,
        "arithmetic": tuple(Subskill(name, 2) for name in known),
    }
    teacher = LLMSkillTree(classroom(700), chat=Scripted(chat))
    moves = teacher.act(TreeReport(report(respond), Forest(trees, room)))
    return next(move for move in moves if move.skill == "arithmetic")


def sums_and_differences(example: Example) -> str:
    """Hopeless in sums, half right in differences, right in all else."""
    answers = {"add": "?", "sub": half(example)}
    return answers.get(example.skill, example.target)


def test_mistakes_of_no_known_subskill_are_a_reason_to_explore() -> None:
    move = moved(sums_and_differences, "add")
    assert isinstance(move, Explore)
    assert move.subskills == 1
    assert move.examples > 0


def test_without_room_it_makes_do_with_what_is_known() -> None:
    move = moved(sums_and_differences, "add", room=1)
    assert isinstance(move, Exploit)
    assert set(move.allocation) == {"add"}


def test_known_subskills_get_data_by_how_near_the_mistakes_are_or_by_their_number() -> None:
    """Eight or nine mistakes each: 0.01 of one against 0.25 or more; alike to the weak teacher."""
    known = ("add", "sub", "mod")
    strong = moved(sums_and_differences, *known)
    weak = moved(sums_and_differences, *known, chat=answer_weakly)
    assert isinstance(strong, Exploit)
    assert isinstance(weak, Exploit)
    assert strong.allocation["sub"] >= 25 * 8 / 9 * strong.allocation["add"]
    assert 8 / 9 - 0.01 < weak.allocation["sub"] / weak.allocation["add"] < 9 / 8 + 0.01
    assert strong.allocation["mod"] == weak.allocation["mod"] == 0


def test_it_stops_the_data_of_a_root_without_mistakes() -> None:
    move = moved(lambda e: e.target, "add", "sub")
    assert move == Exploit("arithmetic", {"add": 0, "sub": 0}, answer.reason)
