"""Functions as chat models, and the arithmetic of prices."""

from __future__ import annotations

import json

import pytest

from teachgym.chat.prices import Price, estimate_tokens
from teachgym.chat.scripted import Scripted
from teachgym.types import Completion, Cost


def test_a_function_answers_by_messages_schema_and_draw() -> None:
    """17 + 4 = 21 characters in and 25 out are 5.25 and 6.25 tokens, rounded up."""
    chat = Scripted(lambda messages, schema, draw: json.dumps([len(messages), schema, draw]))
    messages = [{"role": "system", "content": "x" * 17}, {"role": "user", "content": "four"}]
    answer = chat.complete(messages, {"type": "array"}, draw=7)
    cost = Cost(teacher_calls=1, teacher_tokens_in=6, teacher_tokens_out=7)
    assert answer == Completion('[2, {"type": "array"}, 7]', cost)
    assert chat.name == "scripted"


def test_a_function_that_asks_somebody_who_is_paid_has_a_price() -> None:
    """8 and 4 characters are 2 and 1 tokens: 2 * 3 $ + 1 * 5 $."""
    chat = Scripted(lambda *_: "four", price=Price(3e6, 5e6))
    cost = chat.complete([{"role": "user", "content": "x" * 8}]).cost
    assert cost == Cost(0, 0, 1, 2, 1, dollars=11.0)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("€€€", 3), ("\ud800" * 4, 3)],
)
def test_four_bytes_are_a_token(text: str, tokens: int) -> None:
    """A euro sign has three bytes, and so has half a surrogate pair."""
    assert estimate_tokens(text) == tokens


def test_texts_are_estimated_together() -> None:
    """2 + 2 characters are one token, not two."""
    assert estimate_tokens("ab", "cd") == 1


def test_dollars_are_per_million() -> None:
    """1000 * 0.15 / 1e6 + 200 * 0.60 / 1e6 = 0.00015 + 0.00012."""
    assert Price(0.15, 0.60).cost(1000, 200).dollars == pytest.approx(0.00027)
