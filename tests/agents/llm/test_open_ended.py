"""The Open-Ended teacher: specifications, counts by hand, what is dropped and asked again."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.open_ended import LLMOpenEnded
from teachgym.errors import ChatError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Budget, Data
from tests.agents.llm.classroom import Replies, events, make_classroom, make_report

WRITTEN = re.compile(r"Write (\d+) new item")


def spec(skill: str, count: int) -> dict[str, Any]:
    return {"skill": skill, "weakness": "forgets", "practise": f"more {skill}", "count": count}


class Staff:
    """Answers plans in turn, and writes as many problems as are asked for, all different."""

    def __init__(self, *plans: Any) -> None:
        self.plans = iter(plans)
        self.written = 0
        self.replies = Replies(self._answer)

    @property
    def plan_prompts(self) -> list[str]:
        return [prompt for prompt in self.replies.prompts if not WRITTEN.search(prompt)]

    def _answer(self, prompt: str) -> Any:
        wanted = WRITTEN.search(prompt)
        if wanted is None:
            return next(self.plans)
        count = int(wanted[1])
        self.written += count
        first = self.written - count
        return [
            {"problem": f"problem {i}", "answer": f"answer {i}"} for i in range(first, self.written)
        ]


def teach(staff: Staff, classroom: Classroom, **settings: Any) -> Data:
    teacher = LLMOpenEnded(classroom, chat=staff.replies.chat, workers=1, **settings)
    return teacher.act(make_report())


def counts(data: Data) -> dict[str, int]:
    return {skill: sum(e.skill == skill for e in data) for skill in ("linear", "powers")}


def test_a_plan_that_fits_is_written_as_it_is_and_says_why() -> None:
    classroom, ledger = make_classroom()
    staff = Staff([spec("linear", 7), spec("powers", 3)])
    data = teach(staff, classroom)
    assert counts(data) == {"linear": 7, "powers": 3}
    assert {e.provenance.hint for e in data if e.provenance and e.skill == "linear"} == {
        "hypothesis: forgets\npractise: more linear"
    }
    assert len(staff.plan_prompts) == 1
    assert ledger.spent.teacher_calls == len(staff.replies.prompts)


def test_too_much_is_scaled_down_by_largest_remainder() -> None:
    """40 : 10 : 6 of 10 are 7.14, 1.79 and 1.07: 7, 2 and 1; linear has the first and last."""
    classroom, _ = make_classroom()
    data = teach(Staff([spec("linear", 40), spec("powers", 10), spec("linear", 6)]), classroom)
    assert counts(data) == {"linear": 8, "powers": 2}


def test_too_little_is_asked_for_once_more_with_what_was_said() -> None:
    classroom, _ = make_classroom()
    staff = Staff([spec("linear", 3)], [spec("powers", 2)])
    assert counts(teach(staff, classroom)) == {"linear": 3, "powers": 2}
    first, second = staff.plan_prompts
    assert "Plan 10 training examples" in first
    assert "Plan 7 more training examples" in second
    assert "- 3 of linear, to practise:\n```\nmore linear\n```" in second


def test_a_skill_that_does_not_exist_is_dropped_and_counted_but_not_guessed() -> None:
    classroom, ledger = make_classroom()
    staff = Staff([spec("lineer", 5), spec("powers", 5)], [spec("linear", 5)])
    assert counts(teach(staff, classroom)) == {"linear": 5, "powers": 5}
    assert events(ledger)["unknown-skill"] == 1


def test_a_root_stands_for_its_leaves() -> None:
    """6 of algebra are 3 of each of its two leaves."""
    classroom, _ = make_classroom(per_step=6)
    assert counts(teach(Staff([spec("algebra", 6)]), classroom)) == {"linear": 3, "powers": 3}


@pytest.mark.parametrize("reply", [[], "no idea", '{"items": 3}', [{"skill": "linear"}]])
def test_replies_without_a_plan_give_no_data_and_no_error(reply: Any) -> None:
    classroom, _ = make_classroom()
    staff = Staff(*[reply] * 6)
    assert teach(staff, classroom) == ()
    assert staff.written == 0


def test_bad_specs_lose_only_themselves() -> None:
    classroom, ledger = make_classroom(per_step=4)
    bad = {**spec("linear", -1), "count": -1}
    assert counts(teach(Staff([bad, spec("powers", 4)]), classroom)) == {"linear": 0, "powers": 4}
    assert events(ledger)["bad-item"] == 1


def test_an_empty_purse_asks_nobody() -> None:
    """One call is all the budget holds: the plan is made, nothing can be written."""
    classroom, ledger = make_classroom(budget=Budget(teacher_calls=1))
    staff = Staff([spec("linear", 10)])
    assert teach(staff, classroom) == ()
    assert ledger.spent.teacher_calls == len(staff.replies.prompts) == 1
    assert events(ledger)["unpaid"] >= 1


def test_a_chat_model_that_cannot_be_reached_stops_the_run() -> None:
    def fail(prompt: str) -> Any:
        raise ChatError("no server")

    classroom, _ = make_classroom()
    with pytest.raises(ChatError, match="no server"):
        LLMOpenEnded(classroom, chat=Replies(fail).chat).act(make_report())


def test_a_plan_is_written_though_the_question_for_more_is_lost() -> None:
    """3 of 10 are planned; the question for 7 more gets no answer."""
    staff = Staff([spec("linear", 3)])

    def answer(prompt: str) -> Any:
        if "You have planned already" in prompt:
            raise ChatError("gone")
        return staff._answer(prompt)

    staff.replies = Replies(answer)
    classroom, ledger = make_classroom()
    assert counts(teach(staff, classroom)) == {"linear": 3, "powers": 0}
    assert events(ledger) == {"lost": 1}


def test_equal_seeds_ask_equally_and_every_call_has_a_draw_of_its_own() -> None:
    def run(seed: int) -> tuple[list[str], list[int]]:
        classroom, _ = make_classroom()
        staff = Staff(*[[spec("linear", 10)]] * 2)
        teacher = LLMOpenEnded(classroom, chat=staff.replies.chat, error_tokens=60, workers=1)
        teacher.reset(seed)
        for _ in range(2):
            teacher.act(make_report())
        return staff.replies.prompts, staff.replies.draws

    assert run(1) == run(1)
    assert run(1) != run(2)
    draws = run(1)[1]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per_step": 11}, r"per_step is 11; it must be in \[1, 10\]"),
        ({"error_tokens": -1}, "error_tokens is -1"),
        ({"shots": -1}, "shots is -1"),
        ({"writer": {"votes": 0}}, "votes is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    classroom, _ = make_classroom()
    with pytest.raises(ConfigError, match=message):
        LLMOpenEnded(classroom, chat=Replies(lambda prompt: []).chat, **settings)


def test_an_episode_trains_on_what_was_written_and_pays_from_the_budget() -> None:
    """40 examples in 2 steps; the simulated student learns what the task itself would make."""
    env = gym.make(
        "teachgym/OpenEnded-v0",
        student="simulated",
        task_settings={"train_per_cell": 20, "val_per_cell": 1, "test_per_cell": 1},
        examples_per_step=20,
        budget={"steps": 2},
    )
    classroom = Classroom.of(env)
    skill = classroom.skills[0].name
    train = [e for e in classroom.syllabus.train if e.skill == skill]
    queue = iter(train)

    def answer(prompt: str) -> Any:
        wanted = WRITTEN.search(prompt)
        if wanted is None:
            return [spec(skill, 20)]
        chosen = [next(queue) for _ in range(int(wanted[1]))]
        return [{"problem": e.prompt, "answer": e.target} for e in chosen]

    replies = Replies(answer)
    teacher = LLMOpenEnded(classroom, chat=replies.chat, shots=0, workers=1)
    episode = run_episode(env, teacher, seed=0)
    assert episode.length == 2
    assert [len(t.action) for t in episode.transitions] == [20, 20]
    calls = sum(t.info["cost"].teacher_calls for t in episode.transitions)
    assert calls == len(replies.prompts)
