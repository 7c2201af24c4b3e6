"""The scripted teachers in Open-Ended: what they order, and what they write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.open_ended import LLMOpenEnded
from teachgym.benchmarks.bench.scripted_reading import Mistake, nearness, one_each
from teachgym.benchmarks.bench.scripted_teacher import (
    ScriptedTeacher,
    answer,
    answer_weakly,
    answer_wrongly,
)
from teachgym.benchmarks.bench.scripted_writing import ARITHMETIC_AND_STRINGS, level_of
from teachgym.chat.scripted import Scripted
from teachgym.engines.writer import in_words
from teachgym.errors import ChatError
from teachgym.ledger import Ledger
from teachgym.syllabus import Syllabus
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings, solve
from teachgym.types import Budget, Data, Prediction, Report, leaf_skills

TASK = ArithmeticAndStrings(val_per_cell=3, test_per_cell=1, train_per_cell=3)
WEAK = {"add": "?", "rev": "?"}


def report(wrong: Mapping[str, str]) -> Report:
    """Right answers but for two skills: the given text, or half of the right answer where empty."""
    answers = (
        Prediction(e, wrong[e.skill] or e.target[: len(e.target) // 2], 0.0)
        if e.skill in wrong
        else Prediction(e, e.target, 1.0)
        for e in TASK.examples("val")
    )
    return Report(tuple(answers), "val")


def taught(
    *,
    state: bool,
    seed: int = 0,
    wrong: Mapping[str, str] = WEAK,
    chat: ScriptedTeacher = answer,
    writer: Mapping[str, Any] | None = None,
    ledger: Ledger | None = None,
) -> Data:
    ledger = ledger or Ledger(Budget(steps=1))
    classroom = Classroom(Syllabus.of(TASK), ledger, 60, TASK.levels)
    teacher = LLMOpenEnded(classroom, chat=Scripted(chat), state=state, writer=writer)
    teacher.reset(seed)
    return teacher.act(report(wrong))


def written(chat: ScriptedTeacher, count: int, skill: str, more: str = "") -> dict[str, str]:
    """Problem to answer of the items that it writes when asked for so many of the skill."""
    question = f"Write {count} new items for this skill: {skill}\n{more}"
    items = json.loads(chat(({"role": "user", "content": question},), None, 0))["items"]
    return {item["problem"]: item["answer"] for item in items}


def test_with_state_it_teaches_what_the_student_gets_wrong() -> None:
    data = taught(state=True)
    assert len(data) == 60
    assert {e.skill for e in data} == set(WEAK)


def test_mistakes_within_reach_get_the_most() -> None:
    """``add`` has nothing of the right answer: weight 0.01 each; ``rev`` half of it: 0.25 each."""
    data = Counter(e.skill for e in taught(state=True, wrong={"add": "?", "rev": ""}))
    assert data["rev"] > 10 * data["add"]


def test_without_state_it_cannot_know() -> None:
    skills = {e.skill for e in taught(state=False)}
    assert len(skills) > 10


@pytest.mark.parametrize("state", [True, False])
def test_what_it_writes_is_right_new_and_none_of_the_held_out_items(state: bool) -> None:
    data = taught(state=state)
    assert len({e.prompt for e in data}) == len(data)
    held_out = {e.prompt for split in ("val", "test") for e in TASK.examples(split)}
    assert not held_out & {e.prompt for e in data}
    assert all(Syllabus.of(TASK).verify(e) == 1 for e in data)


def test_equal_draws_give_equal_exercises_and_other_draws_others() -> None:
    question: Any = ({"role": "user", "content": "Write 3 new items for this skill: rev"},)
    first, again, other = (answer(question, None, draw) for draw in (1, 1, 2))
    assert first == again != other
    assert len(json.loads(first)["items"]) == 3


def test_it_has_nothing_to_say_to_other_questions() -> None:
    with pytest.raises(ChatError, match="no answer to 'How are you"):
        answer(({"role": "user", "content": "How are you?"},), None, 0)


@pytest.mark.parametrize("allocation", ["12", "8.70902", "1e-05"])
def test_a_subskill_is_known_whatever_its_allocation_was_scaled_down_to(allocation: str) -> None:
    question = f"The skill: copying: write again\n\n- double: {allocation} examples per step now\n"
    (move,) = json.loads(answer(({"role": "user", "content": question},), None, 0))["items"]
    assert move["action"] == "exploit"
    assert [share["subskill"] for share in move["allocation"]] == ["double"]


def test_near_misses_count_and_to_the_weak_teacher_all_mistakes_do() -> None:
    """Three of four letters: 2 * 3 / 8 = 0.75, squared 0.5625; nothing in common: 0.01."""
    near, far = Mistake("rev", "rev ecba=", "abcd", "abce"), Mistake("add", "add 1+1=", "?", "2")
    assert nearness(near) == pytest.approx(0.5625)
    assert nearness(far) == 0.01
    assert one_each(near) == one_each(far) == 1


def test_the_weak_teacher_gives_hopeless_mistakes_as_much_as_those_within_reach() -> None:
    """Nine mistakes of each skill: half of 60 each, where the strong one gives ``add`` little."""
    data = taught(state=True, wrong={"add": "?", "rev": ""}, chat=answer_weakly)
    assert Counter(e.skill for e in data) == {"add": 30, "rev": 30}


def test_the_noisy_teacher_writes_the_same_problems_with_three_of_ten_answers_wrong() -> None:
    """Of 400: 120 are wrong on average, with standard deviation sqrt(400 * 0.3 * 0.7) = 9.2."""
    right, noisy = written(answer, 400, "rotl"), written(answer_wrongly, 400, "rotl")
    assert right == {problem: solve(problem) for problem in right}
    assert list(noisy) == list(right)
    assert abs(sum(noisy[problem] != right[problem] for problem in right) - 120) <= 3 * 9.2


@pytest.mark.parametrize("skill", leaf_skills(TASK.skills))
def test_a_wrong_answer_is_never_right_by_chance(skill: str) -> None:
    items = written(ScriptedTeacher(wrong=1.0), 20, skill)
    assert len(items) == 20
    assert all(given != solve(problem) for problem, given in items.items())


def test_a_level_is_written_where_one_is_asked_for_and_read_from_the_length_of_a_problem() -> None:
    """Sums have 2 + 1, 2 + 2 and 3 + 2 digits at the three levels."""
    hard = written(answer, 30, "add", f"\nDifficulty: {in_words(1.0)}\n")
    assert {len(problem) for problem in hard} == {len("add 123+45=")}
    assert {len(p) for p in written(answer, 30, "add")} == {len("add 12+3=") + i for i in range(3)}
    problems = ("add 12+3=", "add 12+34=", "add 123+45=")
    assert [level_of(ARITHMETIC_AND_STRINGS, "add", problem) for problem in problems] == [
        0.0,
        0.5,
        1.0,
    ]


def test_the_writers_check_finds_every_wrong_answer_and_has_others_written() -> None:
    ledger = Ledger(Budget(steps=1))
    data = taught(state=True, chat=answer_wrongly, ledger=ledger)
    assert len(data) > 50
    assert all(TASK.verify(e) == 1 for e in data)
    events = Counter(incident.event for incident in ledger.incidents)
    assert 10 <= events["unverified"] <= 45  # of 80 to 90 that are written, three in ten


def test_votes_keep_wrong_answers_out_where_nobody_can_check() -> None:
    """Of ``rev``, two votes hardly ever agree on one wrong answer; alone, 18 of 60 are wrong."""
    unchecked: dict[str, Any] = {"verify": False}
    wrong = {"rev": "?"}
    alone = taught(state=True, wrong=wrong, chat=answer_wrongly, writer=unchecked)
    voted = taught(state=True, wrong=wrong, chat=answer_wrongly, writer={**unchecked, "votes": 3})
    assert 8 <= sum(TASK.verify(e) < 1 for e in alone) <= 28
    assert sum(TASK.verify(e) < 1 for e in voted) <= 1
    assert len(voted) > 50


def test_it_mends_what_it_wrote_wrong_until_the_check_calls_it_right() -> None:
    """Of 60 items a share of 0.3^5 = 0.0024 is wrong at every one of five attempts."""
    writer = {"per_call": 1, "refills": 0}
    checked = taught(state=False, chat=answer_wrongly, writer=writer)
    repaired = taught(state=False, chat=answer_wrongly, writer={**writer, "repairs": 4})
    assert len(checked) < 50 < len(repaired)
    assert all(TASK.verify(e) == 1 for e in repaired)


@pytest.mark.parametrize(("problem", "items"), [("rev abc=", [{"answer": "cba"}]), ("abc", [])])
def test_it_solves_what_is_a_problem(problem: str, items: list[dict[str, str]]) -> None:
    question = f"Solve this problem, which exercises the skill rev:\n```\n{problem}\n```"
    assert json.loads(answer(({"role": "user", "content": question},), None, 0))["items"] == items
