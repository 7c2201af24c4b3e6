"""Calls that end at a deadline: what they give, what they raise, and what is left of them."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from teachgym.chat.deadline import Overdue, within


class Connection:
    """Anything that a call holds."""


def test_a_call_that_is_late_is_not_waited_for() -> None:
    over = threading.Event()
    with pytest.raises(Overdue):
        within(0.01, lambda ends: over.wait(60))
    over.set()


def fail(held: list[Connection]) -> weakref.ref[Connection]:
    """A call that holds a connection and fails."""
    seen = weakref.ref(held[0])

    def call(ends: float) -> None:
        own = held.pop()
        raise ValueError(f"{type(own).__name__} lost")

    with pytest.raises(ValueError, match="Connection lost"):
        within(60.0, call)
    return seen


def test_a_call_that_failed_holds_nothing() -> None:
    """Without the garbage collector, which would close connections at any time."""
    gc.disable()
    try:
        seen = fail([Connection()])
        for thread in threading.enumerate():
            if thread.name == "teachgym-call":
                thread.join()
        assert seen() is None
    finally:
        gc.enable()
