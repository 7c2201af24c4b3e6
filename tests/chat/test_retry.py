"""Which failures are tried again, after which waits, and what is left of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from teachgym.chat.openai_compatible import OpenAICompatible
from teachgym.chat.retry import Retrying, Transient, read_retry_after
from teachgym.chat.settings import ChatSettings
from teachgym.errors import ChatError, ConfigError
from teachgym.types import Completion, Cost, Messages, Schema
from tests.chat.loopback import Fault, dropped, half, page, serve, slow, status

QUESTION = [{"role": "user", "content": "?"}]


class Failing:
    """Raises the failures one after the other, then answers."""

    name = "failing"

    def __init__(self, *failures: ChatError) -> None:
        self.failures = list(failures)
        self.calls = 0

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return Completion(f"{messages[0]['content']}{draw}", Cost(teacher_calls=1))


def busy(retry_after: float | None = None) -> Transient:
    error = Transient("busy")
    error.retry_after = retry_after
    return error


def waits(*failures: ChatError, random: Callable[[], float] = lambda: 0.0) -> list[float]:
    """What is waited before each retry."""
    waited: list[float] = []
    chat = Retrying(Failing(*failures), attempts=20, sleep=waited.append, random=random)
    chat.complete(QUESTION)
    return waited


def test_waits_double_up_to_a_minute_and_are_random_by_half() -> None:
    """1, 2, 4, 8, 16, 32, 60, 60 s at most, and half of it at least."""
    longest = [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits(*[busy()] * 8) == [seconds / 2 for seconds in longest]
    assert waits(*[busy()] * 8, random=lambda: 1.0) == longest


def test_the_server_says_how_long_up_to_a_minute() -> None:
    assert waits(busy(7.0), busy(0.0), busy(3600.0), busy()) == [7.0, 0.0, 60.0, 4.0]


def test_every_retry_is_an_incident_and_none_is_paid_for() -> None:
    answer = Retrying(Failing(busy(), busy()), sleep=lambda _: None).complete(QUESTION, draw=5)
    assert answer.text == "?5"
    assert [(i.event, i.detail) for i in answer.incidents] == [("retry", "busy")] * 2
    assert answer.cost == Cost(teacher_calls=1)


def test_after_the_last_attempt_the_failure_is_final() -> None:
    chat = Failing(*[busy()] * 9)
    with pytest.raises(ChatError, match="gave up after 4 attempts: busy") as caught:
        Retrying(chat, attempts=4, sleep=lambda _: None).complete(QUESTION)
    assert not isinstance(caught.value, Transient)
    assert chat.calls == 4


def test_other_failures_are_not_tried_again() -> None:
    chat = Failing(ChatError("wrong key"))
    with pytest.raises(ChatError, match="wrong key"):
        Retrying(chat).complete(QUESTION)
    assert chat.calls == 1


def test_a_long_wait_says_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    """1 + 2 s are short; the next 4 s make it 7, with three attempts of six left."""
    waits(busy(), busy(), random=lambda: 1.0)
    assert caplog.messages == []
    chat = Retrying(Failing(*[busy()] * 5), sleep=lambda _: None, random=lambda: 1.0)
    chat.complete(QUESTION)
    assert caplog.messages == ["busy; asking again in 4 s, 3 times at most"]


def test_what_is_waited_for_is_said_once_until_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Failing(busy(9.0), busy(9.0))
    chat = Retrying(failing, sleep=lambda _: None)
    chat.complete(QUESTION)
    assert caplog.messages == ["busy; asking again in 9 s, 5 times at most"]
    failing.failures = [busy(9.0)]
    chat.complete(QUESTION)
    assert len(caplog.messages) == 2


def test_no_control_character_of_a_server_is_said(caplog: pytest.LogCaptureFixture) -> None:
    error = Transient("\x1b[2Jbusy")
    error.retry_after = 9.0
    waits(error)
    assert caplog.messages == ["\\x1b[2Jbusy; asking again in 9 s, 19 times at most"]


def test_no_attempts_are_refused() -> None:
    with pytest.raises(ConfigError, match="attempts is 0; it must be 1 or more"):
        Retrying(Failing(), attempts=0)


def test_a_transient_error_keeps_its_wait_when_it_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(busy(3.0))).retry_after == 3.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("tomorrow", None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_headers_hold_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """The clock stands at 40 s after the beginning of 1970."""
    assert read_retry_after(header, now=40.0) == seconds


def test_a_server_with_every_fault_is_outlived() -> None:
    faults: list[Fault] = [
        status(429, retry_after="2"),
        status(500),
        status(503),
        dropped,
        half,
        page,
        slow(60),
    ]
    waited: list[float] = []
    with serve(lambda request: "at last", dict(enumerate(faults, 1))) as server:
        settings = ChatSettings(model="m", base_url=server.url, timeout=1)
        chat = Retrying(
            OpenAICompatible(settings), attempts=8, sleep=waited.append, random=lambda: 1.0
        )
        answer = chat.complete(QUESTION)
    assert answer.text == "at last"
    assert len(server.requests) == 8
    assert waited == [2.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert [incident.event for incident in answer.incidents] == ["retry"] * 7
