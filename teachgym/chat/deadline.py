"""A deadline for a whole call, besides the time-outs that every byte resets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
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
    results: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()
    ends = time.monotonic() + seconds

    def run() -> None:
        try:
            results.put((call(ends), None))
        except BaseException as error:
            results.put((None, error))

    threading.Thread(target=run, name="teachgym-call", daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except Empty:
        raise Overdue from None
    if error is not None:
        try:
            raise error
        finally:
            del error  # Its traceback holds this frame: a circle that would keep connections open.
    return result  # type: ignore[return-value]
