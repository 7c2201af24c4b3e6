"""What a value prints in a console is one short line, however much the value holds."""

from __future__ import annotations

import importlib
import math
import pkgutil
from dataclasses import fields, is_dataclass
from inspect import isabstract
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from teachgym.runs.result import Comparison
from teachgym.shown import MOST_CHARS, in_short
from teachgym.snapshot import Best
from teachgym.types import (
    Checkpoint,
    Cost,
    Episode,
    Example,
    Growing,
    Order,
    Plan,
    Prediction,
    Report,
    Score,
    Transition,
)

HOLDERS = (
    *("teachgym.types", "teachgym.snapshot", "teachgym.skills", "teachgym.syllabus"),
    *("teachgym.gate.gate", "teachgym.runs.config", "teachgym.runs.result"),
    *("teachgym.tasks.problem_splits", "teachgym.students.profile", "teachgym.students.dynamics"),
    *("teachgym.training.datum", "teachgym.language.excerpts", "teachgym.chat.structured"),
    *(
        "teachgym.forest",
        "teachgym.chat.replies",
        "teachgym.report.html.records",
        "teachgym.report.html.material",
    ),
)
"""Modules and packages whose dataclasses may hold texts and collections of any size."""
BOUNDED = {"float", "int", "bool", "Score", "Cost", "None"}


def holders() -> list[Any]:
    found: dict[str, Any] = {}
    for name in HOLDERS:
        module = importlib.import_module(name)
        below = pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}.")
        for one in (module, *(importlib.import_module(info.name) for info in below)):
            for value in vars(one).values():
                own = isinstance(value, type) and value.__module__.startswith(name)
                public = own and not value.__name__.startswith("_") and not isabstract(value)
                if public and is_dataclass(value) and not holds_numbers(value):
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    return [pytest.param(value, id=key) for key, value in sorted(found.items())]


def holds_numbers(kind: type) -> bool:
    """Whether there is nothing in it that could be long."""
    hints = (str(f.type).replace(" | ", " ").split() for f in fields(kind))  # type: ignore[arg-type]
    names = {name for hint in hints for name in hint}
    return names <= BOUNDED or kind.__name__ in ("Budget", "Subskill")


def huge(name: str, hint: str, size: int) -> Any:
    """As a field of that name and type may hold it, many times over."""
    text = "ü\n" * size
    if hint == "str":
        return text
    report = Report(
        tuple(Prediction(Example(text, text, "s"), text, i % 2) for i in range(9)), "val"
    )
    step = Transition(text, text, 0.5, text, False, True, {"metrics": {"accuracy": 0.5}})
    score = Score(3, 0.5, 0.1)
    skills = {f"{i} {text}": score for i in range(size)}
    known = {
        "test": Comparison(score, score, Score(3, 0.0, 0.1), skills, skills),
        "before": score,
        "after": score,
        "gain": Score(3, 0.0, 0.1),
        "best": Best(2, 0.5, Checkpoint({})),
        "step": 2,
        "steps": 2,
        "split": "val",
        "report": report,
        "predictions": report.predictions * size,
        "transitions": (step,) * size,
        "reward": 0.5,
        "arrays": {str(i): np.zeros(3) for i in range(size)},
        "trees": {str(i): (text,) * 3 for i in range(size)},
        "history": Growing([text] * size),
        "data": Growing([text] * size),
        "info": {"metrics": {f"{i}": 1.0 for i in range(size)}},
        "terminated": False,
        "truncated": True,
        "seed": 3,
    }
    return known.get(name, {f"{i} {text}": [text] * 9 for i in range(size)})


@pytest.mark.parametrize("kind", holders())
@pytest.mark.parametrize("size", [1, 30, 1000])
def test_whatever_a_value_holds_its_repr_is_one_short_line(kind: Any, size: int) -> None:
    value = object.__new__(kind)
    for field in fields(kind):
        object.__setattr__(value, field.name, huge(field.name, str(field.type), size))
    text = repr(value)
    assert len(text) <= MOST_CHARS
    assert "\n" not in text
    assert kind.__name__ in text


def test_the_words_are_among_what_is_tried() -> None:
    names = {param.id.rpartition(".")[2] for param in holders()}  # type: ignore[union-attr]
    expected = {"Report", "Episode", "Transition", "Snapshot", "RunResult", "Forest", "Plan"}
    assert expected | {"Prediction", "Example", "TrainResult", "Checkpoint"} <= names


SCORES = st.lists(st.sampled_from([0.0, 0.5, 1.0, math.nan]), max_size=60)


@given(SCORES)
def test_a_report_says_its_accuracy_with_error_and_n(scores: list[float]) -> None:
    example = Example("p", "t", "s")
    report = Report(tuple(Prediction(example, "r", s) for s in scores), "val")
    text, missing = repr(report), sum(map(math.isnan, scores))
    assert text.startswith("<Report on val: ")
    assert (f"(n={len(scores) - missing})" in text) == (missing < len(scores))
    assert ("not measured" in text) == (missing > 0 or not scores)


@given(st.lists(st.floats(-1, 1), max_size=40), st.integers(0, 99))
def test_an_episode_says_its_steps_and_return(rewards: list[float], seed: int) -> None:
    steps = tuple(Transition({}, (), r, {}, False, False) for r in rewards)
    episode = Episode(steps, seed, "some teacher")
    assert repr(episode) == (
        f"<Episode: {len(rewards)} step{'s' * (len(rewards) != 1)}, return {sum(rewards):+z.3f}, "
        f"teacher 'some teacher', seed {seed}>"
    )


def test_an_episode_that_was_lived_says_how_good_the_student_became() -> None:
    env = gym.make("teachgym/SkillTree-v0", student="simulated", budget={"steps": 2})
    episode = run_episode(env, make_teacher("uniform-tree", env), seed=1)
    snapshot = env.get_wrapper_attr("snapshot")()
    assert f"2 steps, return {episode.return_:+z.3f}, accuracy {snapshot.report.overall}, " in repr(
        episode
    )
    last = repr(episode.transitions[-1])
    assert last.startswith("<Transition: reward ")
    assert last.endswith(", the last>")
    for value in (snapshot, snapshot.forest, episode, *episode.transitions, env.action_space, env):
        assert len(repr(value)) <= MOST_CHARS


WORDS = st.one_of(
    st.builds(Example, st.text(max_size=30), st.text(max_size=30), st.text(max_size=9)),
    st.builds(Order, st.text(max_size=9), st.integers(0, 99), st.none() | st.floats(0, 1)),
    st.builds(Cost, st.integers(0, 99)),
)


@given(WORDS)
def test_a_short_word_is_shown_as_python_would_write_it(word: Any) -> None:
    names = {"Example": Example, "Order": Order, "Cost": Cost, "None": None}
    assert eval(repr(word), names) == word


@given(st.lists(st.builds(Order, st.text(max_size=9), st.integers(0, 99)), max_size=3))
def test_a_short_plan_is_shown_whole(orders: list[Order]) -> None:
    plan = Plan(tuple(orders))
    assert eval(repr(plan), {"Plan": Plan, "Order": Order}) == plan


@given(st.recursive(st.text() | st.floats() | st.binary(), st.lists, max_leaves=60))
def test_anything_is_cut(value: Any) -> None:
    assert len(in_short(value)) <= MOST_CHARS


def test_a_checkpoint_says_its_size() -> None:
    checkpoint = Checkpoint({"a": np.zeros(4), "b": np.zeros((2, 2), np.float32)})
    assert repr(checkpoint) == "<Checkpoint of 2 arrays, 48 bytes>"
