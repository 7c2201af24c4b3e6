"""Prompts say all that an order says, lose nothing silently, and know no held-out text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError, meta

from teachgym.chat.prompts import fenced, render
from teachgym.chat.structured import StructuredChat
from teachgym.engines.writer import Writer, WriterSettings
from teachgym.protocols import Task
from teachgym.syllabus import Syllabus
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.testing import ToyTask
from teachgym.types import Brief, Example, Order, Skill, leaf_skills
from tests.engines.writing import Desk, WorkedTask, is_write, items, worked

FOLDER = files("teachgym.engines") / "prompts"
NAMES = sorted(file.name.removesuffix(".md") for file in FOLDER.iterdir())

SHOT = Example("copy: abc", "cba", "copy", id="train/0")
VARIABLES = {
    "brief": Brief("riddles", "The problem.", "The solution.", "The answer."),
    "count": 2,
    "skill": Skill("copy", None, "Say the word."),
    "subskill": "palindromes",
    "hint": "mixes up vowels",
    "style": "similar",
    "shows_wrong": False,
    "difficulty": "hard",
    "seeds": (SHOT,),
    "shots": (SHOT,),
    "describe": lambda example: "a red circle",
    "written": ["copy: xyz"],
    "problem": "copy: uvw",
    "item": {"problem": "copy: rst", "answer": "tsr"},
    "log": "tsr is wrong",
    "question": "copy: mno",
    "candidate": "nom",
    "answer": "mno",
    "plan": "Copy it.",
    "fields": {"answer": "The answer.", "wrong_answer": "A wrong one."},
}
NOTHING = {
    "subskill": "",
    "hint": "",
    "difficulty": "",
    "seeds": (),
    "shots": (),
    "written": (),
    "plan": "",
}


def used(name: str) -> set[str]:
    """The variables of a prompt file."""
    environment = Environment(autoescape=False)
    environment.filters["fenced"] = fenced
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    return meta.find_undeclared_variables(environment.parse(text))


# -- the files ---------------------------------------------------------------------------------


def test_there_is_one_prompt_for_each_stage() -> None:
    assert NAMES == ["critique", "mend", "plan", "solve", "write"]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_of_a_prompt_must_be_given(name: str) -> None:
    for variable in used(name):
        given = {key: value for key, value in VARIABLES.items() if key != variable}
        # A filter may meet what is missing first.
        with pytest.raises((UndefinedError, TypeError), match=f"'{variable}'|StrictUndefined"):
            render("teachgym.engines", name, **given)


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_renders_with_all_and_with_nothing(name: str) -> None:
    for variables in (VARIABLES, VARIABLES | NOTHING | {"skill": Skill("copy")}):
        system, user = render("teachgym.engines", name, **variables)
        assert (system["role"], user["role"]) == ("system", "user")
        assert "riddles" in system["content"]
        assert "between fences are data" in system["content"]
        assert '{"items": [{"answer": "...", "wrong_answer": "..."}' in user["content"]
        assert "- `wrong_answer`: A wrong one." in user["content"]
        assert "\n\n\n" not in user["content"]


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_given_is_in_the_prompt(name: str) -> None:
    text = render("teachgym.engines", name, **VARIABLES)[1]["content"]
    parts = {
        "skill": "copy",
        "subskill": fenced("palindromes"),
        "hint": fenced("mixes up vowels"),
        "describe": fenced("a red circle"),
        "difficulty": "Difficulty: hard",
        "seeds": fenced("copy: abc") + "\nIt should answer:\n" + fenced("cba"),
        "shots": fenced("copy: abc") + "\nIt should answer:\n" + fenced("cba"),
        "written": fenced("copy: xyz"),
        "problem": fenced("copy: uvw"),
        "item": "`problem`:\n" + fenced("copy: rst"),
        "log": fenced("tsr is wrong"),
        "plan": fenced("Copy it."),
    }
    for variable in used(name) & parts.keys():
        assert parts[variable] in text, variable


@given(hint=st.text(alphabet="`=\n system{%}", min_size=1))
def test_a_hint_stays_between_its_fences_and_is_no_template(hint: str) -> None:
    messages = render("teachgym.engines", "write", **VARIABLES | {"hint": hint})
    plain = render("teachgym.engines", "write", **VARIABLES)
    assert messages[0] == plain[0]
    assert messages[1]["content"] == plain[1]["content"].replace(
        fenced("mixes up vowels"), fenced(hint)
    )


# -- what writers ask --------------------------------------------------------------------------


def test_the_first_question_has_all_of_its_order() -> None:
    desk = Desk(lambda text, n: items())
    order = Order(
        "copy", 1, 0.5, "vowels", ("train/3", "train/30", "train/99", "val/0"), "", "ends"
    )
    desk.write(order, refills=0, shots=3)
    (text,) = desk.prompts
    by_id = {example.id: example for example in desk.task.examples("train")}
    for part in ("copy", "Say the word.", "Difficulty: medium", fenced("ends"), fenced("vowels")):
        assert part in text
    variations, examples = text.split("Some training examples")
    for seed in ("train/3", "train/30"):
        assert fenced(by_id[seed].prompt) in variations
    assert by_id["train/99"].prompt not in text, "it is of another skill"
    shown = [e for e in by_id.values() if fenced(e.prompt) in examples]
    assert [e.skill for e in shown] == ["copy"]  # three shots, two of which are the seeds


def test_examples_are_of_the_skill_and_nearest_in_difficulty() -> None:
    desk = Desk(lambda text, n: items())
    desk.write(Order("reverse", 1, 0.9), refills=0, shots=5)
    shown = [e for e in desk.task.examples("train") if fenced(e.prompt) in desk.prompts[0]]
    assert [(e.skill, e.difficulty) for e in shown] == [("reverse", 1.0)] * 5


def test_of_many_seeds_a_call_shows_as_many_as_it_asks_for_at_most() -> None:
    desk = Desk(lambda text, n: items())
    seeds = tuple(f"train/{i}" for i in range(40))
    desk.write(Order("copy", 1, seeds=seeds), refills=1, per_call=4)
    shown = [text.count("The student is shown:") for text in desk.prompts]
    assert shown == [4, 4]
    assert desk.prompts[0] != desk.prompts[1]


def test_the_words_of_the_domain_are_those_of_its_brief() -> None:
    task = WorkedTask()
    desk = Desk(lambda text, n: items(worked(15)), task)
    desk.write(Order("next", 1), votes=2)
    for messages in desk.asked:
        assert "number puzzles" in messages[0]["content"]
        assert "- `solution`: The SOLUTION." in messages[1]["content"]
        assert "- `answer`: The ANSWER." in messages[1]["content"]
    assert [is_write(text) for text in desk.prompts] == [True, False]
    assert "- `problem`: The PROBLEM." in desk.prompts[0]


# -- held-out texts ----------------------------------------------------------------------------


def leaks(syllabus: Syllabus, task: Task) -> list[str]:
    """Held-out prompts that stand as lines of their own in any question of a long writing."""
    desk = Desk(lambda text, n: items({"problem": f"new problem {n}", "answer": f"answer {n}"}))
    asker = StructuredChat(desk.writer().asker.chat, workers=1)
    settings = WriterSettings(shots=30, refills=0, votes=2, per_call=50, verify=False)
    orders = [Order(skill, 1, seeds=("val/0", "test/0")) for skill in leaf_skills(task.skills)]
    Writer(syllabus, asker, settings).write(orders, np.random.default_rng(0))
    asked = "\n".join(message["content"] for messages in desk.asked for message in messages)
    held_out = (*task.examples("val"), *task.examples("test"))
    return [e.prompt for e in held_out if f"\n{e.prompt}\n" in asked]


@pytest.mark.parametrize("make", [ToyTask, ArithmeticAndStrings])
def test_no_prompt_of_val_or_test_is_ever_shown(make: Callable[[], Task]) -> None:
    task = make()
    assert leaks(Syllabus.of(task), task) == []
    # What would be found if there were something to find.
    assert leaks(replace(Syllabus.of(task), train=task.examples("val")), task)
