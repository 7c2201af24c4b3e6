"""``chat``: a chat model as a teacher model, which answers and judges. Needs the extra ``llm``."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from teachgym.chat.make import make_chat
from teachgym.chat.prices import Price, estimate_tokens
from teachgym.chat.prompts import render
from teachgym.chat.settings import ChatSettings, require_price
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.escaping import terminal
from teachgym.ledger import Ledger
from teachgym.protocols import ChatModel, Task
from teachgym.settings import Like
from teachgym.training.authors import Answers, Author, Draw
from teachgym.training.judges import Comparison, Judge
from teachgym.training.teacher_models import TeacherModel
from teachgym.types import Brief, Budget, Cost, Data, Messages, Prompt

SHOTS = 3
"""Training examples that show the form of an answer."""

_log = logging.getLogger(__name__)
_DRAWS = 2**31


class _Answer(BaseModel):
    answer: str


class _Judgement(BaseModel):
    solution: str = ""
    score: Annotated[int, Field(ge=0, le=10)]


class _Preference(BaseModel):
    solution: str = ""
    better: Literal["A", "B", "alike"]


@dataclass(frozen=True)
class PricedChat:
    """A chat model that is asked one thing a call, and what a call can cost at most.

    Nothing limits its calls, since their price was bounded before, and none is in a journal.
    """

    model: ChatModel
    workers: int
    longest: int
    """Tokens of a reply."""
    price: Price
    brief: Brief

    def messages(self, name: str, question: Prompt, **others: Any) -> Messages:
        """The prompt ``name`` about a question, filled with ``others``."""
        asked = question.transcript
        return render(__package__, name, brief=self.brief, question=asked, **others)

    def ask(
        self, messages: Sequence[Messages], draws: Sequence[int], item: type[Any]
    ) -> tuple[list[Any], Cost]:
        """The first item of each reply, None where it cannot be read, and the price.

        Raises:
            ChatError: if no call got through.
        """
        ledger = Ledger(Budget())
        asker = StructuredChat(self.model, ledger, workers=self.workers, attempts=1)
        asked = [ChatRequest(m, draw) for m, draw in zip(messages, draws, strict=True)]
        items = [own[0] if own else None for own in asker.ask(asked, item)]
        for incident in ledger.incidents:
            _log.warning("%s: %s", incident.event, terminal(incident.detail))
        return items, ledger.spent

    def bound(self, messages: Sequence[Messages], extra: int = 0) -> Cost:
        """The price of replies as long as they may be, to messages with ``extra`` more tokens."""
        read = sum(estimate_tokens(json.dumps(m)) + extra for m in messages)
        return self.price.cost(read, len(messages) * self.longest, len(messages))


@dataclass(frozen=True)
class ChatAuthor(Author):
    """Answers by a chat model, which is shown some training examples."""

    chat: PricedChat
    shots: Data

    def write(self, questions: Sequence[Prompt], draw: Draw) -> tuple[Answers, Cost]:
        """See ``Author``; an answer is a call. The temperature is the chat model's own."""
        asked = [self._messages(q) for q in questions for _ in range(draw.k)]
        draws = np.random.default_rng(draw.seed).integers(_DRAWS, size=len(asked)).tolist()
        items, cost = self.chat.ask(asked, draws, _Answer)
        texts = [None if item is None else item.answer for item in items]
        own = [texts[i : i + draw.k] for i in range(0, len(texts), draw.k)]
        return [[text for text in each if text is not None] for each in own], cost

    def bound(self, questions: Sequence[Prompt], k: int) -> Cost:
        """See ``Author``; tokens of messages are estimated from their characters."""
        return self.chat.bound([self._messages(q) for q in questions for _ in range(k)])

    def _messages(self, question: Prompt) -> Messages:
        return self.chat.messages("answer", question, shots=self.shots)


@dataclass(frozen=True)
class ChatJudge(Judge):
    """Scores by a chat model, from 0 to 10, divided by 10; the right answer is not shown to it."""

    chat: PricedChat

    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        """See ``Judge``; a judgement is a call, and nan where the reply cannot be read."""
        pairs = zip(examples, answers, strict=True)
        asked = [self.chat.messages("judge", e.question, answer=answer) for e, answer in pairs]
        items, cost = self.chat.ask(asked, [0] * len(asked), _Judgement)
        return [math.nan if item is None else item.score / 10 for item in items], cost

    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        """See ``Judge``; tokens of messages are estimated from their characters."""
        empty = [self.chat.messages("judge", e.question, answer="") for e in examples]
        return self.chat.bound([messages for messages in empty for _ in range(k)], longest)


@dataclass(frozen=True)
class ChatComparison(Comparison):
    """A chat model's preference between two answers, which it sees as A and B."""

    chat: PricedChat

    def compare(
        self, examples: Data, firsts: Sequence[str], seconds: Sequence[str]
    ) -> tuple[list[float], Cost]:
        """See ``Comparison``; a comparison is a call, and nan where the reply cannot be read."""
        asked = [
            self.chat.messages("compare", example.question, first=first, second=second)
            for example, first, second in zip(examples, firsts, seconds, strict=True)
        ]
        items, cost = self.chat.ask(asked, [0] * len(asked), _Preference)
        return [math.nan if item is None else _AHEAD[item.better] for item in items], cost


_AHEAD = {"A": 1.0, "B": 0.0, "alike": 0.5}


@dataclass(frozen=True)
class ChatTeacher(TeacherModel):
    """A chat model: a source of answers and judgements, and of no log-probabilities."""

    answers: ChatAuthor
    judgements: ChatJudge
    comparisons: ChatComparison
    reads = False

    @property
    def identity(self) -> str:
        """The chat model's name."""
        return self.answers.chat.model.name

    @property
    def author(self) -> ChatAuthor:
        """The chat model."""
        return self.answers

    @property
    def judge(self) -> ChatJudge:
        """The chat model."""
        return self.judgements

    @property
    def comparison(self) -> ChatComparison:
        """The chat model."""
        return self.comparisons


def chat_teacher(task: Task, **settings: Annotated[Any, Like(ChatSettings)]) -> ChatTeacher:
    """A chat model as a teacher model.

    Args:
        task: what the student is taught, of which it sees the brief and training examples.
        settings: of the chat model.

    Raises:
        ConfigError: for a setting that does not exist or is out of range, a task without a brief,
            and a chat model whose price is not known, whose answers could not be charged.
    """
    told = ChatSettings.of(settings)
    price = require_price(told, "prices={'in': 0.15, 'out': 0.6}, or 0 for both")
    chat = PricedChat(make_chat(told), told.workers, told.max_tokens, price, task.brief)
    shots = tuple(task.examples("train")[:SHOTS])
    return ChatTeacher(ChatAuthor(chat, shots), ChatJudge(chat), ChatComparison(chat))
