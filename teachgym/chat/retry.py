"""Repeated attempts after temporary failures.

A client raises ``Transient`` for such a failure and knows nothing of attempts, so that every
provider has the same ones.
"""

from __future__ import annotations

import logging
import math
import random as randomness
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime

from teachgym.errors import ChatError
from teachgym.escaping import terminal
from teachgym.protocols import ChatModel
from teachgym.settings import Few, checked
from teachgym.types import Completion, Incident, Messages, Schema

_log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
"""Seconds between two attempts at most."""

_LONG = 5.0
"""Seconds of waiting for one answer from which on it is said what is waited for."""


class Transient(ChatError):
    """A temporary failure: too many requests, a server error, a lost connection."""

    retry_after: float | None = None
    """Seconds the server asks to wait, >= 0; None = it does not say."""


class Retrying:
    """Asks again after ``Transient`` failures, each time after a longer wait.

    Before attempt n + 1 it waits as long as the server said, or else between half of and the
    whole of ``2**(n - 1)`` seconds, at random so that threads do not come back all at once; in
    either case ``LONGEST_WAIT`` at most. Every retry is an incident ``retry`` of the completion.
    Calls that failed are not paid for, as no server says what they cost.

    A call that waits for long logs a warning with the reason. Others that wait for the same reason
    do not repeat it until the server answers.

    Args:
        chat: is asked.
        attempts: calls at most, >= 1.
        sleep: waits that many seconds.
        random: a number in [0, 1); decides on waits alone, never on answers.
    """

    @checked
    def __init__(
        self,
        chat: ChatModel,
        *,
        attempts: Few = 6,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self.chat, self.attempts, self.sleep, self.random = chat, attempts, sleep, random
        self._said = ""
        """The failure that was logged last; empty since an answer."""

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self.chat.name

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The first successful answer; see ``protocols.ChatModel``.

        Raises:
            ChatError: at once for a failure that will not pass, else after the last attempt.
        """
        retries: list[Incident] = []
        waited = 0.0
        while True:
            try:
                completion = self.chat.complete(messages, schema, draw=draw)
                break
            except Transient as error:
                left = self.attempts - len(retries) - 1
                if not left:
                    raise ChatError(f"gave up after {self.attempts} attempts: {error}") from error
                wait = self._wait(error.retry_after, len(retries))
                retries.append(Incident("retry", str(error)))
            waited += wait
            if waited >= _LONG:
                self._say(retries[-1].detail, wait, left)
            self.sleep(wait)
        self._said = ""
        return replace(completion, incidents=(*retries, *completion.incidents))

    def _say(self, failure: str, wait: float, left: int) -> None:
        """Log the reason of a long wait, unless it is the one that was logged last."""
        if failure != self._said:
            times = f"{left} times at most" if left > 1 else "for the last time"
            _log.warning("%s; asking again in %.0f s, %s", terminal(failure), wait, times)
        self._said = failure

    def _wait(self, asked: float | None, retries: int) -> float:
        """Seconds to wait after a failure, where there were so many retries before."""
        if asked is not None:
            return min(asked, LONGEST_WAIT)
        return min(2.0**retries, LONGEST_WAIT) * (1 + self.random()) / 2


def read_retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, which holds seconds or a date (RFC 9110).

    Args:
        header: None = there is none.
        now: seconds since the epoch, to count from.

    Returns:
        At least 0; None if the header is missing or makes no sense.

    Example:
        >>> read_retry_after("3", now=0.0)
        3.0
        >>> read_retry_after("Thu, 01 Jan 1970 00:00:10 GMT", now=4.0)
        6.0
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
