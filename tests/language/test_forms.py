"""What replies ask for: one parser per form, whose rejects say why."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import teachgym  # noqa: F401
from teachgym.errors import ConfigError
from teachgym.forest.forest import Forest, Subskill
from teachgym.language.examples import ExamplesForm, write_examples
from teachgym.language.form import NOTHING, Form
from teachgym.language.forms import form_of
from teachgym.language.moves import MovesForm, write_moves
from teachgym.language.plan import PlanForm, write_plan
from teachgym.syllabus import Syllabus
from teachgym.testing import ToyTask
from teachgym.types import Brief, Example, Exploit, Explore, Order, Plan, Skill

SKILLS = (Skill("algebra", description="Work with unknowns."), Skill("geometry"))
BRIEF = Brief("quiz questions", "A question of one line.", "", "One word.")
PLAN = PlanForm(brief=BRIEF, skills=SKILLS, levels=(0.0, 1.0), per_step=10)
FOREST = Forest({"algebra": (Subskill("lines", 4), Subskill("curves", 1)), "geometry": ()}, 4)
MOVES = MovesForm(brief=BRIEF, skills=SKILLS, per_step=10, forest=FOREST)
EXAMPLES = ExamplesForm(
    brief=BRIEF, skills=SKILLS, per_step=10, compose=Syllabus.of(ToyTask()).compose
)
FORMS: dict[str, Form[Any, Any]] = {"plan": PLAN, "moves": MOVES, "examples": EXAMPLES}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)

letters = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
orders = st.builds(
    Order,
    st.sampled_from([skill.name for skill in SKILLS]),
    st.integers(0, 1000),
    st.none() | st.floats(0, 1),
    letters,
)


@given(st.lists(orders, max_size=5))
def test_a_plan_that_was_written_is_read_as_it_was(plan: list[Order]) -> None:
    reading = PLAN.parse(write_plan(Plan(tuple(plan))))
    assert reading.action == Plan(tuple(plan))
    assert reading.rejected == ()


def test_moves_that_were_written_are_read_as_they_were() -> None:
    """An exploit names every known subskill, so that those left out get nothing."""
    moves = (
        Explore("geometry", 2, 10, "new"),
        Exploit("algebra", {"lines": 3, "curves": 0}, "it pays"),
        Explore("lines", 1, 5),
    )
    assert MOVES.parse(write_moves(moves)).action == moves
    told = MovesForm(brief=BRIEF, skills=SKILLS, per_step=10)
    assert told.parse(write_moves(moves)).action == moves


def test_examples_that_were_written_are_read_as_they_were() -> None:
    data = (Example("1 + 1?", "2", "algebra", difficulty=0.5),)
    (example,) = EXAMPLES.parse(write_examples(data)).action
    assert (example.prompt, example.target, example.skill) == ("1 + 1?", "2", "algebra")
    assert example.difficulty == 0.5
    assert example.source == "teacher"


@every_form
@given(reply=st.text() | st.sampled_from(["", NOTHING, "[]", '{"items": 3}', "null", "```json"]))
def test_any_text_is_a_reply(form: Form[Any, Any], reply: str) -> None:
    """What is not carried out has a reason that can be printed."""
    reading = form.parse(reply)
    assert not reading.action or reading.action == Plan()
    assert all(verdict.reason == "reply" for verdict in reading.rejected)
    assert all(v.detail.isprintable() and v.item.isascii() for v in reading.rejected)


@every_form
def test_a_reply_that_asks_for_nothing_is_one_and_is_not_rejected(form: Form[Any, Any]) -> None:
    assert form.parse(NOTHING).rejected == ()


def test_one_bad_item_costs_that_item_alone() -> None:
    """Counts are below 0, and a skill is none; the order beside them stands."""
    items = [
        {"skill": "algebra", "count": -1},
        {"skill": "music", "count": 2},
        {"skill": "geometry", "count": 3, "difficulty": 1},
    ]
    reading = PLAN.parse(f"Well: {json.dumps({'items': items})} That is all.")
    assert reading.action == Plan((Order("geometry", 3, 1.0),))
    assert [verdict.reason for verdict in reading.rejected] == ["reply", "order"]
    assert "count" in reading.rejected[0].detail
    assert "'music'" in reading.rejected[1].detail


def test_half_a_reply_asks_for_its_whole_items() -> None:
    reading = PLAN.parse('{"items": [{"skill": "algebra", "count": 4}, {"skill": "geom')
    assert reading.action == Plan((Order("algebra", 4),))


def test_moves_that_cannot_be_made_say_why() -> None:
    items = [
        {"reasoning": "", "action": "explore", "skill": "music", "new_subskills": 1},
        {"reasoning": "", "action": "explore", "skill": "algebra", "new_subskills": 0},
        {
            "reasoning": "",
            "action": "exploit",
            "skill": "algebra",
            "allocation": [{"subskill": "lines", "examples": 7}, {"subskill": "x", "examples": 1}],
        },
    ]
    reading = MOVES.parse(json.dumps({"items": items}))
    assert reading.action == (Exploit("algebra", {"lines": 7, "curves": 0}),)
    assert [verdict.reason for verdict in reading.rejected] == ["move", "move", "move"]
    details = [verdict.detail for verdict in reading.rejected]
    assert "'music'" in details[0]
    assert "nothing that can be done" in details[1]
    assert "'x'" in details[2]


def test_an_example_that_the_task_cannot_use_says_why() -> None:
    items = [{"skill": "music", "problem": "a", "answer": "b"}, {"skill": "algebra"}]
    reading = EXAMPLES.parse(json.dumps({"items": items}))
    assert reading.action == ()
    assert [verdict.reason for verdict in reading.rejected] == ["reply", "format"]


def test_calls_of_tools_are_read_as_replies_are() -> None:
    calls = [
        {"function": {"name": "order", "arguments": '{"skill": "algebra", "count": 4}'}},
        {"name": "order", "arguments": {"skill": "geometry", "count": 1}},
        {"name": "rest", "arguments": {}},
        {"name": "order", "arguments": "{"},
        {"name": "order", "arguments": [1]},
        {"name": "order", "arguments": {"skill": "algebra"}},
    ]
    reading = PLAN.parse_calls(calls)
    assert reading.action == Plan((Order("algebra", 4), Order("geometry", 1)))
    assert [verdict.reason for verdict in reading.rejected] == ["reply"] * 4
    assert "there are: order" in reading.rejected[0].detail
    call = {"name": "exploit", "arguments": {"skill": "algebra", "allocation": []}}
    explore = {
        "name": "explore",
        "arguments": {"skill": "lines", "new_subskills": 1, "examples_for_new": 2},
    }
    assert MOVES.parse_calls([call, explore]).action == (Explore("lines", 1, 2),)


def test_there_is_a_tool_for_each_move_and_schemas_know_the_names() -> None:
    names = {form: [t["function"]["name"] for t in FORMS[form].tools] for form in FORMS}
    assert names == {
        "plan": ["order"],
        "moves": ["explore", "exploit"],
        "examples": ["write_example"],
    }
    explore, exploit = (t["function"]["parameters"]["properties"]["skill"] for t in MOVES.tools)
    assert explore["enum"] == ["algebra", "geometry", "lines", "curves"]
    assert exploit["enum"] == ["algebra", "geometry"]
    assert all(t["function"]["description"] for form in FORMS.values() for t in form.tools)


@every_form
def test_a_prompt_shows_the_observation_the_skills_and_every_field(form: Form[Any, Any]) -> None:
    system, user = form.prompt_of("what is seen")
    assert user == {"role": "user", "content": "what is seen"}
    for skill in SKILLS:
        assert skill.name in system["content"]
    assert "Work with unknowns." in system["content"]
    fields = form.schema["properties"]["items"]["items"]["properties"]
    for field in fields:
        assert f'"{field}"' in system["content"]


def test_numeric_actions_have_no_form() -> None:
    env = gym.make("teachgym/SkillList-v0", student="simulated")
    with pytest.raises(ConfigError, match="action='text'"):
        form_of(env)
