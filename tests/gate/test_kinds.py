"""Auxiliary text: what the gate asks of it, and that no held-out item comes in turned round."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from teachgym.engines.backward import turned
from teachgym.gate import Gate
from teachgym.gate.held_out import HeldOut
from teachgym.tasks import make_task
from teachgym.tasks.task import TaskWrapper
from teachgym.testing import ToyTask
from teachgym.types import EXERCISE, Example, Turn, Verdict

TASK = ToyTask()
GATE = Gate(TASK)
TRAIN = TASK.examples("train")
BACK = turned(TRAIN[0])


def verdict(example: Example, gate: Gate = GATE) -> Verdict | None:
    result = gate.inspect([example])
    return result.rejected[0] if result.rejected else None


def test_a_reversed_exercise_passes_though_the_task_would_not_call_it_right() -> None:
    assert TASK.verify(BACK) < 1
    assert verdict(BACK) is None
    assert verdict(replace(BACK, kind="exercise")) is not None


@pytest.mark.sweep(2)
@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("task", [TASK, make_task("arithmetic-and-strings", val_per_cell=1)])
def test_no_item_of_val_or_test_comes_in_turned_round(task: Any, split: Any) -> None:
    """Neither by the engine's words nor as the bare answer, of whatever kind."""
    gate = Gate(task)
    for item in task.examples(split)[::7]:
        bare = Example(f"{item.target}?", item.prompt, item.skill, kind="backward at last")
        for example in (turned(item), bare, replace(bare, prompt=item.prompt, target="why?")):
            found = verdict(example, gate)
            assert found is not None
            assert found.reason == "overlap"


@pytest.mark.parametrize("kind", ["note", EXERCISE])
@pytest.mark.parametrize("opening", ["", "An exercise of the test: "])
def test_no_item_comes_in_divided_between_a_question_and_its_answer(
    opening: str, kind: str
) -> None:
    """Wherever it is cut, and whatever of the example holds its second part.

    A task that looks for the right number at the end of a target calls such an exercise right.
    """
    task = make_task("arithmetic-and-strings", val_per_cell=1)
    find = HeldOut.of(task)
    for item in (next(e for e in task.examples("test") if e.skill == s) for s in ("add", "rev")):
        for place in range(1, len(item.prompt)):
            first, rest = opening + item.prompt[:place], item.prompt[place:] + item.target
            note = Example(first, rest, item.skill, kind=kind)
            asked = replace(note, prompt="Go on.", turns=(Turn("With what?", first),))
            worse = replace(note, target="I do not know.", rejected=rest)
            for example in (note, asked, worse):
                assert find(example) is not None, example
                assert find(replace(example, prompt="It is nothing.", turns=())) is None


def test_an_answer_that_goes_on_like_another_item_is_that_of_an_exercise() -> None:
    """Of "copy xy=" with its answer: the letters of "copy xyxy=", which is another question."""
    item = Example("copy xyxy=", "xyxy", "copy", id="x", source="task")

    class Both(TaskWrapper):
        def examples(self, split: Any) -> Any:
            return [item] if split == "test" else self.task.examples(split)

    find = HeldOut.of(Both(ToyTask()))
    assert find(Example("copy xy=", "xy and so on", "copy")) is None
    assert find(Example("copy xyx", "y=xyxy", "copy")) is not None


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"meta": {"answer": "something else"}}, "kind", "not a right answer to the target"),
        ({"meta": {}}, "kind", "names the answer it starts from"),
        ({"target": " "}, "format", "not empty"),
        ({"kind": ""}, "format", "kind is empty"),
        ({"kind": 3}, "format", "kind is 3; it must be a text"),
        ({"skill": "critique"}, "format", "unknown leaf skill"),
        ({"meta": {"tests": [1, {"n": {4}}]}}, "format", r"meta\['tests'\]\[1\]\['n'\] is \{4\}"),
        ({"meta": {"x": float("nan")}}, "format", r"meta\['x'\] is nan"),
        ({"meta": {1: "x"}}, "format", "key is 1; it must be a text"),
        ({"meta": {"x": "\ud800"}}, "format", r"meta\['x'\]: text has .* surrogate"),
        ({"meta": ["x"]}, "format", "meta is .* it must map names"),
    ],
)
def test_what_is_wrong_with_it_is_said(changes: Any, reason: str, said: str) -> None:
    found = GATE.inspect([replace(BACK, **changes)]).rejected[0]
    assert found.reason == reason
    assert re.search(said, found.detail), found.detail


def test_meta_may_be_deep_but_not_endless() -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    found = verdict(replace(BACK, meta={"answer": BACK.meta["answer"], "x": deep}))
    assert found is not None
    assert "nested deeper than 20 levels" in found.detail


def test_a_task_has_the_last_word_on_kinds_of_its_own() -> None:
    class Strict(ToyTask):
        def check_auxiliary(self, example: Example) -> str | None:
            return None if example.kind == "critique" else f"no {example.kind} here"

    gate = Gate(Strict())
    critique = Example("What is wrong with this?", "Nothing.", "copy", kind="critique")
    assert verdict(critique, gate) is None
    found = verdict(BACK, gate)
    assert found is not None
    assert (found.reason, found.detail) == ("kind", "no reversed here")


def test_one_answer_may_ask_for_several_exercises_but_for_each_once() -> None:
    other = replace(BACK, target=TRAIN[1].prompt, kind="critique")
    first = replace(BACK, kind="critique")
    result = GATE.inspect([first, other, first])
    assert result.accepted == (first, other)
    assert result.rejected[0].reason == "duplicate"
    assert GATE.inspect([first], seen={GATE.form(first)}).rejected[0].reason == "duplicate"
