"""When calls may start, by a clock that moves only when somebody sleeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.chat.rate_limit import Limited
from teachgym.chat.scripted import Scripted
from teachgym.errors import ChatError, ConfigError

LONG = [{"role": "user", "content": "x" * 40}]
"""10 tokens by estimate."""


class Clock:
    """Time as the calls know it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Started:
    """A chat model that writes down when it is asked."""

    def __init__(self, clock: Clock, answer: str = "") -> None:
        self.clock, self.answer = clock, answer
        self.times: list[float] = []
        self.chat = Scripted(lambda *_: self._write_down(), name="started")

    def _write_down(self) -> str:
        self.times.append(self.clock.now)
        return self.answer


def test_requests_wait_for_the_minute_to_pass() -> None:
    """Two at 0 s; the third when the first is a minute old, and so on."""
    clock = Clock()
    started = Started(clock)
    chat = Limited(started.chat, requests_per_minute=2, clock=clock, sleep=clock.sleep)
    for _ in range(3):
        chat.complete(LONG)
    clock.now = 90.0
    for _ in range(3):
        chat.complete(LONG)
    assert started.times == [0.0, 0.0, 60.0, 90.0, 120.0, 150.0]


def test_tokens_count_as_they_turn_out() -> None:
    """A call is 10 tokens in and 5 out. 35 allow two (30) and not a third (30 + 10 > 35)."""
    clock = Clock()
    started = Started(clock, "y" * 20)
    chat = Limited(started.chat, tokens_per_minute=35, clock=clock, sleep=clock.sleep)
    for _ in range(3):
        chat.complete(LONG)
    assert started.times == [0.0, 0.0, 60.0]


def test_a_call_larger_than_the_limit_goes_alone() -> None:
    clock = Clock()
    started = Started(clock)
    chat = Limited(started.chat, tokens_per_minute=1, clock=clock, sleep=clock.sleep)
    for _ in range(2):
        chat.complete(LONG)
    assert started.times == [0.0, 60.0]


def test_failed_calls_count_too() -> None:
    clock = Clock()

    def fail(*_: object) -> str:
        raise ChatError("down")

    chat = Limited(Scripted(fail), requests_per_minute=1, clock=clock, sleep=clock.sleep)
    for _ in range(2):
        with pytest.raises(ChatError, match="down"):
            chat.complete(LONG)
    assert clock.now == 60.0


def test_without_limits_nobody_waits() -> None:
    clock = Clock()
    chat = Limited(Started(clock).chat, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        chat.complete(LONG)
    assert clock.now == 0.0
    assert chat.name == "started"


@settings(max_examples=25)
@given(
    limit=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 90, allow_nan=False), min_size=1, max_size=30),
)
def test_no_minute_has_more_requests_than_allowed(limit: int, pauses: list[float]) -> None:
    """Of any ``limit`` + 1 calls in a row the last starts a minute after the first."""
    clock = Clock()
    started = Started(clock)
    chat = Limited(started.chat, requests_per_minute=limit, clock=clock, sleep=clock.sleep)
    for pause in pauses:
        clock.now += pause
        chat.complete(LONG)
    ends = started.times[limit:]
    starts = started.times[: len(ends)]
    assert all(end - start > 60 - 1e-6 for start, end in zip(starts, ends, strict=True))


def test_threads_share_the_limit() -> None:
    """8 threads ask at once while the clock stands still: 3 may start, 5 are told to wait."""
    clock = Clock()
    started = Started(clock)

    def give_up(seconds: float) -> None:
        raise ChatError(f"told to wait for {seconds} s")

    chat = Limited(started.chat, requests_per_minute=3, clock=clock, sleep=give_up)
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(chat.complete, LONG) for _ in range(8)]
    errors = [str(error) for future in futures if (error := future.exception())]
    assert errors == ["told to wait for 60.0 s"] * 5
    assert started.times == [0.0] * 3


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    limit: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=f"{name} is 0; it must be above 0"):
        Limited(Scripted(lambda *_: ""), **limit)
