"""Lines that carry the digest of themselves and of the line they follow: a chain.

A line that was changed does not fit its own digest, and one that was lost, moved or added breaks
the chain. This finds damage and mistakes; whoever wants to forge can compute digests too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from teachgym.errors import RunError
from teachgym.records import Record

FIRST = "0" * 64
"""The digest that the first line names as that of the line before it."""
_PREVIOUS, _DIGEST, _END = ', "previous": "', '", "digest": "', '"}\n'


def seal(record: Record, previous: str) -> tuple[str, str]:
    """A JSON object, not empty, as a line after the one whose digest is ``previous``.

    Returns:
        The line and its digest, SHA-256 of all that stands before it in the line.
    """
    body = f"{json.dumps(record)[:-1]}{_PREVIOUS}{previous}"
    digest = sha256(body.encode("ascii")).hexdigest()
    return f"{body}{_DIGEST}{digest}{_END}", digest


def check_chain(path: Path, lines: Iterable[bytes]) -> str:
    """See that complete lines are those that were written, in their order, none left out.

    Returns:
        The digest of the last line; empty if none has one, as before there were digests.

    Raises:
        RunError: for the first line that does not fit; names it.
    """
    previous = FIRST
    for number, line in enumerate(lines, 1):
        told = _split(line)
        if number == 1 and told is None:
            previous = ""
        if (told is None) != (previous == ""):
            raise RunError(_damaged(path, number, "its digest is missing or out of place"))
        if told is None:
            continue
        body, before, digest = told
        if sha256(body).hexdigest() != digest:
            raise RunError(_damaged(path, number, "it does not fit its digest"))
        if before != previous:
            raise RunError(_damaged(path, number, f"it does not follow line {number - 1}"))
        previous = digest
    return previous


def _split(line: bytes) -> tuple[bytes, str, str] | None:
    """The sealed content, the digest of the line before, and the line's own; None without one."""
    body, middle, rest = line.rpartition(_DIGEST.encode())
    _, begin, before = body.rpartition(_PREVIOUS.encode())
    if not (middle and begin and rest.endswith(_END.encode())):
        return None
    return body, before.decode("latin-1"), rest.removesuffix(_END.encode()).decode("latin-1")


def _damaged(path: Path, number: int, why: str) -> str:
    return f"{path}:{number} is not the line that was written ({why}); restore it from a copy"
