"""No more requests and tokens in a minute than a provider allows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from teachgym.chat.prices import estimate_tokens
from teachgym.protocols import ChatModel
from teachgym.settings import Limit, checked
from teachgym.types import Completion, Messages, Schema

MINUTE: Final = 60.0
"""Seconds a limit holds for."""


@dataclass(slots=True)
class _Call:
    """A call of the last minute."""

    start: float
    tokens: int


class Limited:
    """Delays calls until they fit into the limits, in any 60 seconds and not on average.

    A call counts with the moment it starts. Its tokens are at first those of its messages, by
    estimate, and those of its cost once it is back; so the tokens of the answers that are under
    way may pass the limit. A call that is larger than the limit goes alone. One that fails counts
    like any other. Safe to call from several threads.

    Args:
        chat: is asked.
        requests_per_minute: at least 1; None = any number.
        tokens_per_minute: of messages and answers together, at least 1; None = any number.
        clock: seconds since any moment.
        sleep: waits that many seconds.
    """

    @checked
    def __init__(
        self,
        chat: ChatModel,
        *,
        requests_per_minute: Limit | None = None,
        tokens_per_minute: Limit | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.chat = chat
        self.requests_per_minute, self.tokens_per_minute = requests_per_minute, tokens_per_minute
        self.clock, self.sleep = clock, sleep
        self._calls: deque[_Call] = deque()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self.chat.name

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The model's answer, once its turn has come; see ``protocols.ChatModel``."""
        tokens = estimate_tokens(*(message["content"] for message in messages))
        while isinstance(call := self._start(tokens), float):
            self.sleep(call)
        completion = self.chat.complete(messages, schema, draw=draw)
        call.tokens = completion.cost.teacher_tokens_in + completion.cost.teacher_tokens_out
        return completion

    def _start(self, tokens: int) -> _Call | float:
        """The call, which now counts, or the seconds to wait before asking again."""
        with self._lock:
            now = self.clock()
            while self._calls and self._calls[0].start + MINUTE - now <= 0:
                self._calls.popleft()
            if self._calls and not self._fits(tokens):
                return self._calls[0].start + MINUTE - now
            call = _Call(now, tokens)
            self._calls.append(call)
            return call

    def _fits(self, tokens: int) -> bool:
        """Whether one more call of so many tokens is within the limits."""
        requests, spent = len(self._calls), sum(call.tokens for call in self._calls)
        return (self.requests_per_minute is None or requests < self.requests_per_minute) and (
            self.tokens_per_minute is None or spent + tokens <= self.tokens_per_minute
        )
