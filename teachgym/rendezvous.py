"""``Rendezvous``: several callables take turns, and what they ask for is answered jointly.

Each runs in a thread of its own, but only one thing runs at any time: the rows go on one after
the other, each until it asks or ends, and then the calling thread answers what they wait for.
So results depend on no timing, and code that was written for one row works for many unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Semaphore, Thread
from typing import Any

from teachgym.errors import TeachgymError

Handler = Callable[[Sequence[int], Sequence[Any]], Sequence[Any]]
"""Answers the requests of one kind: row numbers, ascending, and their payloads, to replies."""


class RowError(TeachgymError, RuntimeError):
    """Something was raised in a row of a rendezvous; the original is the ``__cause__``."""


class Rendezvous:
    """Runs K callables that may ask; answers together what they ask for.

    Args:
        handlers: who answers which kind of request. A handler runs on the thread that called
            ``run``; what it raises is raised in every row whose request it was given.

    Example:
        >>> rendezvous = Rendezvous({"double": lambda rows, numbers: [2 * n for n in numbers]})
        >>> rendezvous.run([lambda: rendezvous.ask("double", 0, 3), lambda: 5])
        [6, 5]
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.handlers = dict(handlers)
        self._seats: tuple[_Seat, ...] = ()

    @property
    def running(self) -> bool:
        """Whether ``run`` is on, and so whether a row may ask."""
        return bool(self._seats)

    def ask(self, kind: str, row: int, payload: Any) -> Any:
        """From within callable number ``row``: wait for the others, then for the reply.

        Args:
            kind: one of the handlers' names.
            row: the callable's place in the list given to ``run``.
            payload: for the handler.
        """
        return self._seats[row].ask(kind, payload)

    def run(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The return values of ``calls``, in order.

        Raises:
            RowError: after all rows have ended, if one raised; the first one's error is its cause.
        """
        self._seats = seats = tuple(_Seat(call) for call in calls)
        try:
            for seat in seats:
                seat.go_on()
            while asking := [row for row, seat in enumerate(seats) if seat.request is not None]:
                self._answer(asking)
        finally:
            # Only after an interrupt is somebody still there.
            for seat in seats:
                seat.dismiss()
            self._seats = ()
        raised = [(row, seat.error) for row, seat in enumerate(seats) if seat.error is not None]
        if raised:
            what = "; ".join(f"row {row}: {type(e).__name__}: {e}" for row, e in raised)
            raise RowError(f"{len(raised)} of {len(calls)} rows failed; {what}") from raised[0][1]
        return [seat.result for seat in seats]

    def _answer(self, asking: Sequence[int]) -> None:
        """Answer the rows that wait, kind by kind, and let each go on until it asks or ends."""
        requests = {row: request for row in asking if (request := self._seats[row].request)}
        replies: dict[int, Callable[[], Any]] = {}
        for kind in dict.fromkeys(kind for kind, _ in requests.values()):
            rows = [row for row in asking if requests[row][0] == kind]
            replies |= self._replies(kind, rows, [requests[row][1] for row in rows])
        for row in asking:
            self._seats[row].go_on(replies[row])

    def _replies(
        self, kind: str, rows: Sequence[int], payloads: Sequence[Any]
    ) -> dict[int, Callable[[], Any]]:
        """For each row a function that returns its reply, or raises what the handler raised."""
        try:
            answers = self.handlers[kind](rows, payloads)
            return {row: _returning(a) for row, a in zip(rows, answers, strict=True)}
        except Exception as error:  # Whatever it is, it is for the rows that asked.
            return dict.fromkeys(rows, _raising(error))


class _Seat:
    """One callable in its thread, which runs only while ``go_on`` waits for it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.request: tuple[str, Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self._call = call
        self._dismissed = False
        self._reply: Callable[[], Any] = _returning(None)
        self._may_run, self._has_paused = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=self._live, daemon=True)

    def go_on(self, reply: Callable[[], Any] | None = None) -> None:
        """Let the row run until it asks or ends; ``reply`` is for what it asked."""
        self.request = None
        if reply is None:
            self._thread.start()
        else:
            self._reply = reply
            self._may_run.release()
        self._has_paused.acquire()

    def ask(self, kind: str, payload: Any) -> Any:
        """Pause with a request; in the row's own thread."""
        self.request = (kind, payload)
        if not self._dismissed:
            self._has_paused.release()
            self._may_run.acquire()
        return self._reply()

    def dismiss(self) -> None:
        """End the thread: whatever the row asks is answered with ``SystemExit``."""
        self._dismissed = True
        self._reply = _raising(SystemExit("the rendezvous is over"))
        self._may_run.release()
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # Carried over to the caller, whatever it is.
            self.error = error
        self._has_paused.release()


def _returning(value: Any) -> Callable[[], Any]:
    return lambda: value


def _raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail
