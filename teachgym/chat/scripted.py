"""A chat model that is a function, for tests, examples and scripted teachers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from teachgym.chat.prices import estimate_tokens
from teachgym.types import Completion, Cost, Messages, Schema

Answer = Callable[[Messages, Mapping[str, Any] | None, int], str]
"""From messages, schema and draw to the text of the reply."""


class Scripted:
    """Answers by calling ``answer``; tokens are estimated and cost nothing.

    Args:
        answer: gives the reply; it is called from several threads and may raise ``ChatError``.
        name: what the model is called in tables and records.

    Example:
        >>> chat = Scripted(lambda messages, schema, draw: messages[-1]["content"].upper())
        >>> chat.complete([{"role": "user", "content": "hello"}]).text
        'HELLO'
    """

    def __init__(self, answer: Answer, name: str = "scripted") -> None:
        self.answer, self.name = answer, name

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The function's answer; see ``protocols.ChatModel``."""
        text = self.answer(tuple(messages), schema, draw)
        return Completion(
            text,
            Cost(
                teacher_calls=1,
                teacher_tokens_in=estimate_tokens(*(m["content"] for m in messages)),
                teacher_tokens_out=estimate_tokens(text),
            ),
        )
