"""A chat model that is a function, for tests, examples and scripted teachers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from teachgym.chat.prices import FREE, Price, estimate_tokens
from teachgym.types import Completion, Messages, Schema

Answer = Callable[[Messages, Mapping[str, Any] | None, int], str]
"""From messages, schema and draw to the text of the reply."""


class Scripted:
    """Answers by calling ``answer``; tokens are estimated.

    Args:
        answer: gives the reply; it is called from several threads and may raise ``ChatError``.
        name: what the model is called in tables and records.
        price: of its tokens, for a function that asks somebody who is paid.

    Example:
        >>> chat = Scripted(lambda messages, schema, draw: messages[-1]["content"].upper())
        >>> chat.complete([{"role": "user", "content": "hello"}]).text
        'HELLO'
    """

    def __init__(self, answer: Answer, name: str = "scripted", price: Price = FREE) -> None:
        self.answer, self.name, self.price = answer, name, price

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The function's answer; see ``protocols.ChatModel``."""
        text = self.answer(tuple(messages), schema, draw)
        tokens = estimate_tokens(*(m["content"] for m in messages)), estimate_tokens(text)
        return Completion(text, self.price.cost(*tokens))
