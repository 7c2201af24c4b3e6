"""Audits of those who compare answers: what order and length do, by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from teachgym.errors import ConfigError
from teachgym.testing import ToyTask
from teachgym.training.audit import audit, repeated, self_preference
from teachgym.training.grader import Grader
from teachgym.training.judges import Comparison
from teachgym.training.teacher_registry import make_teacher_model
from teachgym.types import Cost, Data, Example
from tests.training.test_teacher_settings import Quiet

PAIRS: Data = (
    Example("q1", "a\nbb", "copy", rejected="x"),
    Example("q2", "c", "copy", rejected="yyy"),
    Example("q3", "d\ne\nf", "copy", rejected="z"),
    Example("q4", "g", "copy", rejected="h"),
)
"""The right answer is the longer one in the first and the third pair, the second is the reverse."""


class By(Comparison):
    """Prefers by a rule of the two texts; a comparison costs a call."""

    def __init__(self, rule: Callable[[str, str], float]) -> None:
        self.rule = rule

    def compare(
        self, examples: Data, firsts: Sequence[str], seconds: Sequence[str]
    ) -> tuple[list[float], Cost]:
        told = [self.rule(a, b) for a, b in zip(firsts, seconds, strict=True)]
        return told, Cost(teacher_calls=len(told))


def longer(first: str, second: str) -> float:
    return 0.5 + (len(first) > len(second)) / 2 - (len(first) < len(second)) / 2


def test_whoever_prefers_length_is_right_by_chance_and_sure_of_repetitions() -> None:
    """Right in two pairs, wrong in one and even in one; two of the right answers have lines."""
    found = audit(By(longer), (*PAIRS, Example("q5", "t", "copy")))
    assert (found.right.mean, found.right.n) == (2.5 / 4, 4)
    assert found.consistent.mean == 1
    assert found.first.mean == found.second.mean == 0
    assert (found.longer.mean, found.longer.n) == (1, 2)
    assert found.cost == Cost(teacher_calls=2 * 4 + 2 * 2)


@pytest.mark.parametrize(("place", "share"), [("first", 1.0), ("second", 0.0)])
def test_whoever_goes_by_the_place_is_never_consistent(place: str, share: float) -> None:
    found = audit(By(lambda a, b: share), PAIRS)
    assert found.consistent.mean == found.longer.mean == 0
    assert {w: getattr(found, w).mean for w in ("first", "second")} == {
        "first": share,
        "second": 1 - share,
    }
    assert found.right.mean == 0.5


def test_pairs_that_are_not_told_in_one_order_are_left_out() -> None:
    """What stands before ``x`` cannot be read: one pair of four."""
    found = audit(By(lambda a, b: math.nan if b == "x" else longer(a, b)), PAIRS)
    assert found.right.n == 3
    assert found.right.mean == 1.5 / 3


def test_an_answer_may_be_lengthened_in_another_way() -> None:
    found = audit(By(longer), PAIRS, lambda text: text + "!" * (text == "c"))
    assert (found.longer.mean, found.longer.n) == (1, 1)
    assert repeated("a\nb\nc") == "a\na\nb\nb\nc"
    assert repeated("a") == "a"


def test_who_judges_compares_by_scores_and_an_oracle_is_right() -> None:
    """Two answers of a pair are two calls, in each of two orders; nothing can be lengthened."""
    task = ToyTask()
    data = tuple(replace(e, id="", rejected="?") for e in task.examples("train")[:5])
    model = make_teacher_model("oracle", task, {})
    assert model.comparison is not None
    found = audit(model.comparison, data)
    assert (found.right.mean, found.consistent.mean) == (1, 1)
    assert found.longer.n == 0
    assert found.cost == Cost(teacher_calls=20)
    assert Quiet().comparison is None


def prefers_a(messages: Any, schema: Any, draw: int) -> str:
    """Prefers A; finds nothing to choose where one answer is ``x``; ``yyy`` silences it."""
    asked = messages[-1]["content"]
    if "\nyyy\n" in asked:
        return "I cannot say."
    better = "alike" if "\nx\n" in asked else "A"
    return json.dumps({"items": [{"solution": "", "better": better}]})


def test_a_chat_model_compares_in_a_call_each_and_shows_its_bias() -> None:
    """Of three pairs that are told, one is even and two go by the place; repetitions do, too."""
    chat = {"provider": "python", "cache": "off", "workers": 1, "model": f"{__name__}:prefers_a"}
    model = make_teacher_model("chat", ToyTask(), chat)
    assert model.comparison is not None
    found = audit(model.comparison, PAIRS)
    assert found.right.n == 3
    assert found.right.mean == 0.5
    assert found.consistent.mean == pytest.approx(1 / 3)
    assert found.first.mean == pytest.approx(2 / 3)
    assert found.longer.mean == 0
    assert found.cost.teacher_calls == 2 * 4 + 2 * 2


def test_own_answers_are_preferred_among_those_that_are_as_right() -> None:
    """The longer one wins: own in q1 and q2, the other in q3; q4 has a right and a wrong one.

    In q5 both say the same, and in q6 the judge finds nothing to choose: (2 - 1) / 4.
    """
    data = tuple(Example(f"copy: {i}", "rr", "copy") for i in range(6))
    own = ("wrong", "wrong!", "no", "rr", "same", "abc")
    others = ("no", "never", "never", "rrr", "same", "xyz")
    found, cost = self_preference(By(longer), Grader(ToyTask()), data, own, others)
    assert (found.n, found.mean) == (4, 0.25)
    assert cost == Cost(teacher_calls=2 * 4)
    swapped, _ = self_preference(By(longer), Grader(ToyTask()), data, others, own)
    assert swapped.mean == -0.25
    by_place, _ = self_preference(By(lambda a, b: 1.0), Grader(ToyTask()), data, own, others)
    assert by_place.mean == 0


def test_without_wrong_answers_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match="no example has a rejected response"):
        audit(By(longer), PAIRS[:0])
