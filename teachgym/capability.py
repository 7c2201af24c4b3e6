"""``Capability``: the right to call some methods of an object, and no way to the object itself.

A bound method leads to its object, a closure to its variables, and a registry to all that it
holds. What may be called but not reached therefore lives on the stack of a thread of its own,
which answers requests from a queue, as an object in another process would.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NoReturn

from teachgym.errors import ConformanceError, EpisodeError, TeachgymError

_Answer = tuple[Any, TeachgymError | None]
_Request = tuple[str, tuple[Any, ...], "SimpleQueue[_Answer]"]


class Capability:
    """Calls named functions that cannot be reached from here; they run one at a time.

    The thread ends when nobody holds the capability any more.

    Args:
        functions: what may be called, by name. The caller must not keep the mapping.

    Example:
        >>> secret = ["apple", "pear"]
        >>> length = Capability(length=lambda: len(secret))
        >>> length("length")
        2
    """

    __slots__ = ("__weakref__", "_pid", "_requests")

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._pid = os.getpid()
        _Server(functions, self._requests).start()
        weakref.finalize(self, self._requests.put, None)

    def __reduce__(self) -> NoReturn:
        raise EpisodeError(
            "what a teacher or an engine may call cannot be copied or pickled; make the teacher or "
            "engine again, with its environment"
        )

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Call the function ``name``.

        Raises:
            TeachgymError: that the function raised, without its traceback and context, in which
                the function's variables could be found.
            ConformanceError: in place of any other error of the function.
            EpisodeError: in a fork of the process that made the capability.
        """
        if os.getpid() != self._pid:
            raise EpisodeError(
                "a teacher or an engine was taken over into a forked process; make it there, with "
                "its environment"
            )
        reply: SimpleQueue[_Answer] = SimpleQueue()
        self._requests.put((name, arguments, reply))
        result, error = reply.get()
        if error is not None:
            try:
                raise error
            finally:
                del error  # Its traceback holds this frame: a circle.
        return result


class _Server(threading.Thread):
    """Answers requests; what it serves is a variable of ``run`` alone."""

    def __init__(
        self,
        functions: dict[str, Callable[..., Any]],
        requests: SimpleQueue[_Request | None],
    ) -> None:
        super().__init__(name="teachgym-capability", daemon=True)
        self._handed_over = [functions]
        self._requests = requests

    def start(self) -> None:
        """Start, and wait until the thread object no longer leads to the functions."""
        self._taken = threading.Event()
        super().start()
        self._taken.wait()

    def run(self) -> None:
        """Serve until the request None."""
        functions = self._handed_over.pop()
        self._taken.set()
        while (request := self._requests.get()) is not None:
            name, arguments, reply = request
            reply.put(_answer(functions, name, arguments))
            # Nothing of the last request is kept while waiting for the next.
            del request, arguments, reply


def _answer(
    functions: dict[str, Callable[..., Any]], name: str, arguments: tuple[Any, ...]
) -> _Answer:
    """The result of a call, or its error without anything that leads to the function."""
    try:
        return functions[name](*arguments), None
    except TeachgymError as error:
        return None, type(error)(*map(str, error.args))
    except BaseException as error:  # Whatever a task of somebody else raises, an exit too.
        return None, ConformanceError(f"{name} raised {type(error).__name__}: {error}")
