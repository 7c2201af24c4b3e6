"""The Skill-List teacher: one question per skill, parts and counts by hand."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.skill_list import LLMSkillList
from teachgym.errors import ConfigError
from teachgym.loop import run_episode
from teachgym.testing import check_teacher
from teachgym.types import Order, Plan, Prediction, Report
from tests.agents.llm.classroom import (
    LEAVES,
    Replies,
    events,
    make_classroom,
    make_report,
    questions,
)


def hypothesis(*specs: tuple[str, int, float | None]) -> dict[str, Any]:
    fields = ("practise", "count", "difficulty")
    return {
        "hypothesis": "guesses",
        "specs": [dict(zip(fields, spec, strict=True)) for spec in specs],
    }


def skill_of(prompt: str) -> str:
    return next(leaf for leaf in LEAVES if f"The skill: {leaf}" in prompt)


def plan_of(
    answers: dict[str, Any], report: Report | None = None, **settings: Any
) -> tuple[Plan, Replies]:
    """The plan for ten examples, given what is answered for each skill."""
    classroom, _ = make_classroom()
    replies = Replies(lambda prompt: answers.get(skill_of(prompt), []))
    teacher = LLMSkillList(classroom, chat=replies.chat, workers=1, **settings)
    return teacher.act(report or make_report()), replies


def test_hypotheses_become_orders_that_say_why() -> None:
    plan, _ = plan_of({"linear": [hypothesis(("minus signs", 2, 0.5), ("fractions", 1, None))]})
    why = "hypothesis: guesses\npractise: "
    assert plan.orders == (
        Order("linear", 2, 0.5, why + "minus signs"),
        Order("linear", 1, None, why + "fractions"),
    )


def test_a_skill_gets_its_part_of_the_step_at_most() -> None:
    """Ten examples for three skills: 4 or 3. 60 : 40 of 4 are 2.4 and 1.6, of 3 1.8 and 1.2."""
    wanted = [hypothesis(("a", 60, None), ("b", 40, None))]
    plan, replies = plan_of({"linear": wanted, "geometry": [hypothesis(("c", 2, None))]})
    parts = [p.split("All counts of all items together are ")[1] for p in replies.prompts]
    assert sorted(parts) == ["3.", "3.", "4."]
    *linear, geometry = plan.orders
    assert [o.skill for o in plan.orders] == ["linear", "linear", "geometry"]
    assert f"{sum(o.count for o in linear)}." == parts[0]
    assert (linear[0].count in (1, 2, 3), geometry.count) == (True, 2)


def test_no_more_hypotheses_and_specs_than_asked_for() -> None:
    specs = [(name, 1, None) for name in "abc"]
    answers = {"linear": [hypothesis(*specs)] * 3}
    plan, replies = plan_of(answers, hypotheses=1, specs=2)
    assert [order.hint[-1] for order in plan.orders] == ["a", "b"]
    assert "up to 1 items" in replies.prompts[0]
    assert "up to 2 kinds" in replies.prompts[0]


def test_each_prompt_has_the_score_and_the_errors_of_its_skill_alone() -> None:
    """One of four right: 25 %, with a standard error of sqrt(3/16 / 4) = 21.7 %."""
    _, replies = plan_of({}, make_report({"linear": 1}))
    linear, powers, geometry = replies.prompts
    assert "25.0 % right (standard error 21.7, n = 4)" in linear
    assert "0.0 % right (standard error 15.3, n = 4)" in powers
    assert "val-linear-3-question" in linear
    assert "val-linear" not in powers + geometry
    assert "val-linear-0-question" not in linear


def test_the_weakest_are_asked_about_first_and_the_unmeasured_last() -> None:
    """Of linear 3/4, powers 1/4 and geometry unmeasured, two: powers, then linear."""
    report = make_report({"linear": 3, "powers": 1})
    unmeasured = tuple(
        Prediction(p.example, p.response, math.nan) if p.example.skill == "geometry" else p
        for p in report.predictions
    )
    _, replies = plan_of({}, Report(unmeasured, "val"), skills_per_step=2)
    assert [skill_of(prompt) for prompt in replies.prompts] == ["powers", "linear"]
    assert "not measured" not in "".join(replies.prompts)


def test_skills_without_errors_are_left_out_if_wanted() -> None:
    report = make_report({"linear": 4, "powers": 4})
    _, replies = plan_of({}, report, only_errors=True)
    assert [skill_of(prompt) for prompt in replies.prompts] == ["geometry"]
    flawless = make_report(dict.fromkeys(LEAVES, 4))
    plan, replies = plan_of({}, flawless, only_errors=True)
    assert plan == Plan()
    assert replies.prompts == []


def test_more_skills_than_examples_are_asked_about_in_turn() -> None:
    """Two examples a step for three skills: two questions, and over the steps about all three."""
    classroom, _ = make_classroom(per_step=2)
    replies = Replies(lambda prompt: [])
    teacher = LLMSkillList(classroom, chat=replies.chat, workers=1)
    for _ in range(10):
        teacher.act(make_report())
    asked = Counter(map(skill_of, replies.prompts))
    assert asked.total() == 20
    assert {*asked} == {*LEAVES}


def test_without_state_scores_do_not_choose_the_skills() -> None:
    """Powers is by far the weakest, and chosen in about a third of 30 draws."""
    report = make_report({"linear": 4, "geometry": 4})
    classroom, _ = make_classroom()
    replies = Replies(lambda prompt: [])
    teacher = LLMSkillList(classroom, chat=replies.chat, state=False, skills_per_step=1, workers=1)
    for _ in range(30):
        teacher.act(report)
    assert {*map(skill_of, replies.prompts)} == {*LEAVES}
    example = questions("train")[0].prompt
    assert example in "".join(replies.prompts)


def test_a_reply_nobody_can_read_costs_its_skill_only() -> None:
    classroom, ledger = make_classroom()
    good = [hypothesis(("a", 1, None))]
    replies = Replies(lambda prompt: "hm" if skill_of(prompt) == "powers" else good)
    plan = LLMSkillList(classroom, chat=replies.chat, workers=1).act(make_report())
    assert [order.skill for order in plan.orders] == ["linear", "geometry"]
    assert events(ledger)["malformed"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hypotheses": 0}, "hypotheses is 0; it must be 1 or more"),
        ({"specs": 21}, r"specs is 21; it must be in \[1, 20\]"),
        ({"skills_per_step": 0}, "skills_per_step is 0; it must be 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of({}, **settings)


def test_it_keeps_the_contract_of_teachers_in_a_real_environment() -> None:
    """Three skills have 10 of 30 each; 5 are asked for, and the engine makes all 15."""
    env = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
        action="plan",
        observation="report",
        examples_per_step=30,
        budget={"steps": 2},
    )
    replies = Replies(lambda prompt: [hypothesis(("anything", 5, 0.5))])
    teacher = LLMSkillList(Classroom.of(env), chat=replies.chat, skills_per_step=3)
    check_teacher(teacher, env)
    episode = run_episode(env, teacher, seed=1)
    assert [t.info["plan"].total for t in episode.transitions] == [15, 15]
    assert [len(t.info["data"]) for t in episode.transitions] == [15, 15]
