"""Parallel questions to a chat model, paid in order and answered by lists of valid items.

Every structured answer in the project is a JSON object ``{"items": [...]}``. What is wrong with a
reply costs as little as possible: an invalid item is dropped, half a reply gives its whole items,
an unreadable one is asked for again with the reason. All of it is noted in the meter, nothing is
raised, and nothing depends on which thread was faster.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from teachgym.chat.cache import NotRecordedError, Recorded
from teachgym.chat.json_items import Parsed, items_schema, parse_items
from teachgym.chat.make import make_chat
from teachgym.chat.settings import Chat, ChatSettings, check_chat
from teachgym.errors import ChatError
from teachgym.given import Given
from teachgym.ledger import Ledger
from teachgym.protocols import ChatModel, Meter
from teachgym.settings import Few, checked
from teachgym.shown import in_short
from teachgym.types import Budget, Completion, Incident, Messages

ItemT = TypeVar("ItemT", bound=BaseModel)

_SHOWN = 2_000
"""Characters of a malformed reply that the model is shown again."""

_AGAIN = (
    "That could not be used: {problem}. Answer again, with nothing but a JSON object that fits "
    "this JSON schema:\n{schema}"
)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A question to a chat model."""

    messages: Messages
    draw: int = 0
    """The number of the wanted answer to these messages; see ``ChatModel.complete``."""

    __repr__ = in_short


class StructuredChat:
    """Asks a chat model for items of a pydantic type, several questions at a time.

    A question starts only when the one ``workers`` before it has been paid for, and while the
    meter is not exhausted. So which questions go unpaid does not depend on timing, and a limit is
    passed by the calls in flight at most: ``workers`` of them.

    Incidents, besides those of the chat model itself: ``bad-item`` (dropped, with the field and
    the reason), ``repaired`` (the reply was no JSON, but could be read), ``cut`` (a limit of
    length ended it), ``reask``, ``malformed`` (given up), ``unpaid``, ``lost`` (no answer after
    the client's own retries).

    Args:
        chat: is asked, from several threads.
        meter: pays, and is told of incidents; None = unlimited, and nobody is told.
        workers: most calls in flight, >= 1.
        attempts: most calls for one question, >= 1; more than one if replies are malformed.

    Raises:
        ConfigError: for a number that is out of range.
    """

    @checked
    def __init__(
        self,
        chat: ChatModel,
        meter: Given[Meter | None] = None,
        *,
        workers: Few = 8,
        attempts: Few = 3,
    ) -> None:
        self.chat = chat
        self.meter: Meter = Ledger(Budget()) if meter is None else meter
        self.workers, self.attempts = workers, attempts

    @classmethod
    def open(
        cls,
        chat: Chat | None,
        role: str,
        meter: Meter | None,
        workers: int | None = None,
        attempts: int = 3,
    ) -> StructuredChat:
        """Open a chat model from an object or from settings.

        Args:
            chat: the chat model or its settings.
            role: who asks it, for messages.
            meter: pays, and is told of incidents.
            workers: most calls in flight; None = as the settings say, or else 8.
            attempts: most calls for one question.

        Raises:
            ConfigError: for neither, or a setting out of range.
            MissingExtraError: without the packages of its provider.
        """
        check_chat(chat, role)
        assert chat is not None
        if isinstance(chat, ChatSettings | Mapping):
            settings = ChatSettings.of(chat)
            chat, workers = make_chat(settings), workers or settings.workers
        return cls(chat, meter, workers=workers or 8, attempts=attempts)

    def ask(
        self, questions: Sequence[ChatRequest], item: type[ItemT], *, needed: bool = True
    ) -> list[tuple[ItemT, ...]]:
        """The valid items in the answer to each question, in order, possibly none.

        Args:
            questions: are asked several at a time.
            item: what each item must fit.
            needed: whether it is an error if no call gets through; else there are no answers at
                all then, an empty list.

        Raises:
            ChatError: if answers are needed, and there were calls and not one of them got through.
            NotRecordedError: if an answer is not in the record that is replayed.
        """
        schema = items_schema(item)
        waiting, found = dict(enumerate(questions)), dict[int, tuple[ItemT, ...]]()
        failures: list[tuple[ChatRequest, ChatError]] = []
        for attempt in range(1, self.attempts + 1):
            asked, waiting = waiting, {}
            replies = self._call(list(asked.values()), schema)
            for (number, question), reply in zip(asked.items(), replies, strict=True):
                if isinstance(reply, ChatError):
                    failures.append((question, reply))
                    self.note("lost", str(reply))
                elif reply is not None:
                    parsed = self._read(reply, item)
                    found[number] = parsed.items
                    if parsed.malformed is None:
                        continue
                    if attempt == self.attempts:
                        self.note("malformed", parsed.malformed)
                    else:
                        self.note("reask", parsed.malformed)
                        waiting[number] = _again(question, reply, parsed.malformed, schema)
        silent = bool(failures) and not found
        if silent and needed:
            raise self._silence([error for _, error in failures])
        self._lose(failures, schema)
        return [] if silent else [found.get(number, ()) for number in range(len(questions))]

    def _call(
        self, questions: Sequence[ChatRequest], schema: Mapping[str, Any]
    ) -> list[Completion | ChatError | None]:
        """An answer for each question: a completion, why there is none, or None = unpaid."""
        answers: list[Completion | ChatError | None] = []
        window: deque[Future[Completion]] = deque()
        # No more is ever submitted than there are threads: nothing waits inside the pool, and
        # leaving it, for whatever reason, waits for the calls in flight alone.
        with ThreadPoolExecutor(self.workers) as pool:
            for question in questions:
                if len(window) == self.workers:
                    answers.append(self._settle(window.popleft()))
                if self.meter.exhausted():
                    break
                call = (question.messages, schema)
                window.append(pool.submit(self.chat.complete, *call, draw=question.draw))
            answers += [self._settle(future) for future in window]
        if unpaid := len(questions) - len(answers):
            short = ", ".join(self.meter.exhausted())
            for _ in range(unpaid):
                self.note("unpaid", f"nothing is left of: {short}")
        return answers + [None] * unpaid

    def _settle(self, future: Future[Completion]) -> Completion | ChatError:
        """Wait for a call and pay for it."""
        try:
            completion = future.result()
        except NotRecordedError:  # this is not the run that was recorded
            raise
        except ChatError as error:
            return error
        settle(self.meter, completion)
        return completion

    def _read(self, reply: Completion, item: type[ItemT]) -> Parsed[ItemT]:
        """The items of a reply, with what is wrong with it noted."""
        parsed = parse_items(reply.text, item)
        for problem in parsed.problems:
            self.meter.note(problem)
        if reply.cut and parsed.malformed is not None:
            return replace(parsed, malformed=f"{parsed.malformed}; it was cut off, so be shorter")
        return parsed

    def _lose(
        self, failures: Sequence[tuple[ChatRequest, ChatError]], schema: Mapping[str, Any]
    ) -> None:
        """Record which answers are missing from now on, whenever this is lived again."""
        if isinstance(self.chat, Recorded):
            for question, error in failures:
                self.chat.lose(error, question.messages, schema, draw=question.draw)

    def _silence(self, failures: Sequence[ChatError]) -> ChatError:
        """The error to raise when every call has failed."""
        name, count = self.chat.name, len(failures)
        calls = f"all {count} calls of {name} failed; the first" if count > 1 else f"{name} failed"
        error = ChatError(f"{calls}: {failures[0]}")
        error.__cause__ = failures[0]
        return error

    def note(self, event: str, detail: str) -> None:
        """Tell the meter of an incident."""
        self.meter.note(Incident(event, detail))


def settle(meter: Meter, completion: Completion) -> None:
    """Pay for a call and note its incidents, and ``cut`` where its answer was cut off."""
    meter.record(completion.cost)
    for incident in completion.incidents:
        meter.note(incident)
    if completion.cut:
        meter.note(Incident("cut", f"a reply ended after {len(completion.text)} characters"))
    if completion.key:
        meter.call(completion.key)


def _again(
    question: ChatRequest, reply: Completion, problem: str, schema: Mapping[str, Any]
) -> ChatRequest:
    """The question, the reply and what is wrong with it."""
    # Some servers refuse empty messages.
    answer = {"role": "assistant", "content": reply.text[:_SHOWN] or "(nothing)"}
    request = {
        "role": "user",
        "content": _AGAIN.format(problem=problem, schema=json.dumps(schema)),
    }
    return replace(question, messages=(*question.messages, answer, request))
