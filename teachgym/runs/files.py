"""Files that survive a crash: JSON Lines that only grow, everything else replaced as a whole.

Whatever moment a process dies at, a file written here is either complete or ends in one torn
line, which readers ignore and ``keep_lines`` cuts off before the file grows again.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teachgym.errors import RunError
from teachgym.records import Record


def append_lines(path: Path, records: Iterable[Any]) -> None:
    """Append JSON values, one per line, and wait until they are on disk."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    with path.open("ab") as file:
        file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """The values of the complete lines; none if there is no file.

    Raises:
        RunError: for a complete line that is not JSON.
    """
    return [_parse(line, f"{path}:{n}") for n, line in enumerate(_complete_lines(path), 1)]


def keep_lines(path: Path, count: int) -> None:
    """Cut off everything after the first ``count`` lines.

    Raises:
        RunError: if there are fewer.
    """
    lines = _complete_lines(path)
    if len(lines) < count:
        raise RunError(f"{path} has {len(lines)} of {count} lines; restore it from a copy")
    if path.exists():
        os.truncate(path, sum(map(len, lines[:count])))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write a file or folder to; it becomes ``path`` if nothing is raised."""
    temporary = path.with_name(f".{path.name}.tmp")
    if temporary.is_dir():
        shutil.rmtree(temporary)
    yield temporary
    if temporary.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value for people and programs; what is not a finite number is ``null``."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(strict(value), indent=2) + "\n", encoding="ascii")


def read_json(path: Path) -> Record:
    """Read a JSON object.

    Raises:
        RunError: if the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} is missing; give the folder of a run") from error
    value: Record = _parse(content, str(path))
    return value


def strict(value: Any) -> Any:
    """``value`` in standard JSON, which has no nan and no infinity: they become None.

    Example:
        >>> strict({"loss": math.nan, "n": [1, math.inf]})
        {'loss': None, 'n': [1, None]}
    """
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _complete_lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _parse(content: bytes, place: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise RunError(f"{place} is damaged ({error}); restore it from a copy") from error
