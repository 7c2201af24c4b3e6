"""One name for each of many examples, several examples per question to a chat model.

Labelling and classifying are both this. Imported only when used: needs pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import ChatError
from teachgym.shown import in_short
from teachgym.skills.names import MAX_NAME
from teachgym.types import Example


class Named(BaseModel):
    """The reply of a chat model about one example."""

    number: int = Field(ge=1)
    """The number of the example in the question, counted from 1."""
    skill: str = Field(min_length=1, max_length=MAX_NAME)


@dataclass(frozen=True, slots=True)
class NamingQuestion:
    """A question that is asked about every example."""

    prompt: str
    """Name of the prompt's file; it gets ``examples`` and ``variables``."""
    variables: dict[str, Any]
    accept: Callable[[str], str]
    """The name that an answer stands for; empty = it stands for none and is asked for again."""

    __repr__ = in_short


def name_each(
    asker: StructuredChat,
    question: NamingQuestion,
    examples: Sequence[Example],
    *,
    per_question: int,
    rounds: int,
    draw: int,
) -> dict[Example, str]:
    """The names of the examples that got one.

    Who got none is asked about again, in new questions with the next ``draw``, in at most
    ``rounds`` rounds. Of two answers about one example the first counts. A round in which no call
    gets through, such as one for the single problem that a server refuses, is lost.

    Raises:
        ChatError: if there is no name at all and the calls of a round did not get through.
    """
    found: dict[Example, str] = {}
    for number in range(rounds):
        open_ = [e for e in examples if e not in found]
        batches = [open_[i : i + per_question] for i in range(0, len(open_), per_question)]
        questions = [
            ChatRequest(
                render(__package__, question.prompt, examples=batch, **question.variables),
                draw + number,
            )
            for batch in batches
        ]
        try:
            replies = asker.ask(questions, Named)
        except ChatError:
            if not found:
                raise
            continue
        for batch, answers in zip(batches, replies, strict=True):
            for answer in answers:
                name = question.accept(answer.skill)
                if name and answer.number <= len(batch):
                    found.setdefault(batch[answer.number - 1], name)
    return found
