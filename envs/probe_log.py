"""``ProbeLog``: what was asked of a student, for those who record an episode.

What was asked, answered and charged is written down with the step, and given again when recorded
steps are lived through without the student.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from teachgym.errors import RunError
from teachgym.records import Record


class ProbeLog:
    """What was asked of a student, for a record; and what was, to be answered once more.

    It does nothing until it is told to ``record`` or to ``replay``.
    """

    def __init__(self) -> None:
        self._kept: list[Record] | None = None
        self._recorded: deque[Record] | None = None

    def record(self) -> None:
        """Ask the student from now on, and keep what it was asked until it is taken."""
        self._kept, self._recorded = [], None

    def take(self) -> list[Record]:
        """What was asked since the last time, as JSON values; none if nothing is kept."""
        taken, self._kept = self._kept or [], []
        return taken

    def replay(self, recorded: Iterable[Record]) -> None:
        """Answer what is asked from now on with these, in order, and ask no student."""
        self._kept, self._recorded = None, deque(recorded)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """What is asked within is asked, and not written down: a step asks it again when repeated.

        Such are the questions of the gate's filters, which are no decisions of the teacher.
        """
        kept, recorded = self._kept, self._recorded
        self._kept = self._recorded = None
        try:
            yield
        finally:
            self._kept, self._recorded = kept, recorded

    @property
    def left(self) -> int:
        """How many recorded probes were not asked yet."""
        return len(self._recorded or ())

    def answer(self, request: Sequence[Any], ask: Callable[[], Record]) -> Record:
        """The recorded entry of a request, else what ``ask`` makes.

        Raises:
            RunError: if something else was recorded.
        """
        digest = sha256(json.dumps(request).encode()).hexdigest()
        if self._recorded is not None:
            entry = self._recorded.popleft() if self._recorded else {"request": "no probe"}
            if entry["request"] != digest:
                raise RunError(
                    f"the teacher asks the student for {request[0]} as it did not in the recorded "
                    "step; it must depend on its seed and observations alone, and be of the same "
                    "version"
                )
            return entry
        entry = {"probe": request[0], "request": digest, **ask()}
        if self._kept is not None:
            self._kept.append(entry)
        return entry
