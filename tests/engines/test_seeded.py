"""Engines that make something of seeds, and critiques: by rule, right, and refused where not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.chat.scripted import Scripted
from teachgym.engines import ENGINES
from teachgym.errors import ConfigError
from teachgym.gate import Gate, GateSettings
from teachgym.gate.kinds import fault_of_judgement
from teachgym.ledger import Ledger
from teachgym.loop import run_episode
from teachgym.tasks import make_task
from teachgym.tasks.procedural import numbers_of
from teachgym.tasks.stories import draw_story, retell, solve
from teachgym.tasks.story_rules import RULES
from teachgym.testing import ToyTask, check_engine
from teachgym.types import Budget, Data, Example, Order, Plan

SMALL = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2}
STORIES = make_task("word-problems", **SMALL)
LETTERS = make_task("arithmetic-and-strings", **SMALL)
SEED = STORIES.examples("train")[0]


def made(name: str, *orders: Order, task: Any = STORIES, **settings: Any) -> Data:
    engine = ENGINES.make(name, task, settings=settings)
    return engine.generate(Plan(orders), np.random.default_rng(0))


@pytest.mark.parametrize("name", ["rephrase", "targeted-fix", "critique"])
def test_the_contract(name: str) -> None:
    check_engine(ENGINES.make(name, STORIES), STORIES)


# -- rephrase ------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_a_story_that_is_retold_comes_to_the_same(seed: int) -> None:
    """Answer and rules stay, other people have the things, and the answer key says so."""
    rng = np.random.default_rng(seed)
    rules = [RULES[i] for i in rng.integers(len(RULES), size=3)]
    told = draw_story(rules, numbers_of(rng))
    if told is None:
        return
    retold = retell(told[1], numbers_of(rng))
    assert retold is not None
    assert solve(retold) == solve(told[1])


def test_what_is_no_story_is_not_retold() -> None:
    for text in ("", "How are you?", "Ann has 2 pens. Who is Ann?"):
        assert retell(text, numbers_of(np.random.default_rng(0))) is None


def test_seeds_are_said_in_other_words() -> None:
    data = made("rephrase", Order(SEED.skill, 5, seeds=(SEED.id,)))
    assert data
    for example in data:
        assert example.prompt != SEED.prompt
        assert example.target == SEED.target
        assert STORIES.verify(example) == 1
        assert example.provenance is not None
        assert example.provenance.seeds == (SEED.id,)
    assert len({e.prompt for e in data}) == len(data)
    assert len(Gate(STORIES).inspect(data).accepted) == len(data)


def test_a_task_without_other_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot reword its exercises; use engine='llm'"):
        ENGINES.make("rephrase", LETTERS)

    class Empty(ToyTask):
        def examples(self, split: Any) -> Data:
            return ()

    with pytest.raises(ConfigError, match="has no training examples"):
        ENGINES.make("targeted-fix", Empty())


# -- targeted-fix --------------------------------------------------------------------------


def test_the_first_wrong_step_is_weighed() -> None:
    """The second of three lines is the first that the wrong answer has not."""
    seed = next(e for e in STORIES.examples("train") if e.target.count("\n") == 2)
    first, second, last = seed.target.splitlines(keepends=True)
    wrong = f"{first}{second.strip()}0\n#### 0"
    (example,) = made("targeted-fix", Order(seed.skill, 1, hint=wrong, seeds=(seed.id,)), weight=3)
    assert example.spans == ((first, 1.0), (second, 3.0), (last, 1.0))
    assert example.rejected == wrong
    gate = Gate(STORIES, GateSettings(duplicates="allow"))
    assert gate.inspect([example]).accepted == (example,)


@pytest.mark.parametrize(
    ("hint", "spans"),
    [("", [()]), (SEED.target, [])],
)
def test_what_is_no_mistake_is_not_weighed(hint: str, spans: list[Any]) -> None:
    data = made("targeted-fix", Order(SEED.skill, 1, hint=hint, seeds=(SEED.id,)))
    assert [e.spans for e in data] == spans


def test_a_short_wrong_answer_ends_before_the_step_that_it_lacks() -> None:
    first, *_ = SEED.target.splitlines(keepends=True)
    (example,) = made("targeted-fix", Order(SEED.skill, 1, hint=first, seeds=(SEED.id,)))
    assert "".join(text for text, _ in example.spans) == SEED.target
    assert [weight for _, weight in example.spans][:2] == [1.0, 2.0]


# -- critique ------------------------------------------------------------------------------


def test_critiques_judge_as_the_task_does() -> None:
    """Of 400 candidates 200 are wrong, within four standard errors of 10; the gate takes all."""
    data = made("critique", Order("add", 400, 0.5), task=LETTERS)
    wrong = [e for e in data if e.target != "right"]
    assert abs(len(wrong) - 200) < 40
    assert all(fault_of_judgement(LETTERS, e) is None for e in data)
    assert all(e.target.startswith("wrong\n") for e in wrong)
    taken = Gate(LETTERS, GateSettings(duplicates="allow")).inspect(data)
    assert {v.reason for v in taken.rejected} <= {"overlap"}


def meta(candidate: str = "3", answer: str = "3") -> dict[str, str]:
    return {"question": "add 1+2=", "candidate": candidate, "answer": answer}


WRONG = {
    "prompt": "add 1+2=4\nIs this answer right or wrong?\n",
    "target": "wrong\n3",
    "meta": meta("4"),
}
RIGHT = Example(
    "add 1+2=3\nIs this answer right or wrong?\n",
    "right",
    "add",
    kind="judgement",
    meta=meta(),
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"meta": {}}, "meta must have question, candidate and answer"),
        ({"meta": meta(candidate="4")}, "is not in the prompt"),
        ({"target": "fine"}, "it must begin with 'right'"),
        ({"target": "rightly so"}, "it must begin with 'right'"),
        ({"target": "wrong\n3"}, "it must begin with 'right'"),
        ({**WRONG, "target": "right"}, r"it must begin with 'wrong\n3'"),
        ({**WRONG, "target": "wrong\n5", "meta": meta("4", "5")}, "calls right, is not"),
    ],
)
def test_a_critique_that_is_none_is_rejected(changes: Any, said: str) -> None:
    reasoned = replace(RIGHT, **{**WRONG, "target": "wrong\n3\nOne and two are three."})
    for good in (RIGHT, replace(RIGHT, **WRONG), reasoned):
        assert fault_of_judgement(LETTERS, good) is None
    assert said in str(fault_of_judgement(LETTERS, replace(RIGHT, **changes)))


def test_a_chat_model_says_why_and_what_it_leaves_out_is_left_out() -> None:
    """Of four critiques, each a call, the third reply has no item."""
    asked: list[str] = []

    def answer(messages: Any, schema: Any, draw: int) -> str:
        asked.append(messages[-1]["content"])
        return '{"items": []}' if len(asked) == 3 else '{"items": [{"critique": "Because."}]}'

    ledger = Ledger(Budget())
    chat = Scripted(answer)
    engine = ENGINES.make(
        "critique", LETTERS, settings={"reasons": True}, meter=ledger.meter, chat=chat
    )
    engine.critic.asker.workers = engine.critic.asker.attempts = 1
    data = engine.generate(Plan((Order("add", 4, 0.5),)), np.random.default_rng(0))
    assert len(data) == 3
    assert all(e.target.endswith("\nBecause.") for e in data)
    assert all(fault_of_judgement(LETTERS, e) is None for e in data)
    for example in data[:2]:
        assert any(str(example.meta["question"]) in text for text in asked)
    assert "unsolved" in [incident.event for incident in ledger.incidents]


def test_reasons_need_a_chat_model() -> None:
    with pytest.raises(ConfigError, match="engine 'critique' with reasons"):
        ENGINES.make("critique", LETTERS, settings={"reasons": True})


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["rephrase", "critique"])
def test_an_episode_with_each(name: str) -> None:
    env = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task=STORIES,
        engine=name,
        examples_per_step=44,
        budget={"steps": 1},
    )
    episode = run_episode(env, make_teacher("uniform", env), seed=0)
    assert episode.transitions[0].info["metrics"]["accepted"] > 0
