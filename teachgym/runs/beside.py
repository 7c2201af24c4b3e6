"""``Beside``: work on a thread of its own while its caller goes on, one piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Beside:
    """Does pieces of work in the order in which they are handed over.

    The next piece is taken once the last one is done, so no more than one is ever waiting, and
    nothing comes after one that failed. What a piece raised, its caller gets with the next piece
    or from ``wait``. Leaving the block waits for the last one, whatever happened in the block.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._last: Future[None] | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Begin ``work`` once what was handed over before is done; raise what that raised."""
        self.wait()
        self._last = self._thread.submit(work)

    def wait(self) -> None:
        """Return once there is nothing left to do; raise what was raised, once."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Beside:
        """The same."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait, and raise what was raised."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()
