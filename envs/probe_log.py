"""``ProbeLog``: the record of probes of an episode.

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
    """Records the probes of a student, and answers recorded probes again.

    It does nothing until it is told to ``record`` or to ``replay``.
    """

    def __init__(self) -> None:
        self._kept: list[Record] | None = None
        self._recorded: deque[Record] | None = None

    def record(self) -> None:
        """Ask the student from now on, and keep the probes until they are taken."""
        self._kept, self._recorded = [], None

    def take(self) -> list[Record]:
        """The probes since the last call, as JSON values; none if nothing is kept."""
        taken, self._kept = self._kept or [], []
        return taken

    def replay(self, recorded: Iterable[Record]) -> None:
        """Answer the following probes with these, in order, without asking the student."""
        self._kept, self._recorded = None, deque(recorded)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Do not record probes within this context: a repeated step asks them again.

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
        """The number of recorded probes that were not asked again yet."""
        return len(self._recorded or ())

    def answer(self, request: Sequence[Any], ask: Callable[[], Record]) -> Record:
        """The recorded entry of a request, or else the one that ``ask`` makes.

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
