"""A deadline for a whole call, besides the time-outs that every byte resets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class Overdue(Exception):
    """A call was not done at its deadline."""


def within(seconds: float, call: Callable[[float], T]) -> T:
    """The result of ``call(ends)``, which should look at the clock itself.

    ``ends`` is the moment, in seconds of ``time.monotonic``, at which it is not waited for any
    longer: a call that is still waiting then goes on in its thread, and what it gives is lost.

    Raises:
        Overdue: at that moment; else what the call raises.

    Example:
        >>> within(60.0, lambda ends: "done")
        'done'
    """
    future, ends = Future[T](), time.monotonic() + seconds
    threading.Thread(
        target=_settle, args=(future, call, ends), name="teachgym-call", daemon=True
    ).start()
    if not wait([future], timeout=seconds).done:
        raise Overdue
    try:
        return future.result()
    finally:
        del future  # as in ``_settle``


def _settle(future: Future[T], call: Callable[[float], T], ends: float) -> None:
    try:
        future.set_result(call(ends))
    except BaseException as error:
        future.set_exception(error)
        # The traceback of its error holds this frame: a circle that would keep connections open.
        del future
