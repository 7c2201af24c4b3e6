"""Leftovers of processes that were stopped or died: unfinished runs and half-written files.

Nothing with a result is among it. While a leftover is in the hands of whoever iterates, its run,
and the bench that this is of, are held, so that no process works on it.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from teachgym.errors import RunError
from teachgym.runs.files import read_json, remove, stream_lines, temporary_name
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.lock import Holder, holding
from teachgym.runs.provenance import read_run

State = Literal["begun", "broken", "half-written", "in use"]

_TEMPORARY = re.compile(r"\.(?:.*\.)?(\d+)-[0-9a-f]{8}\.tmp")
_RECENTLY = 3600.0
"""Seconds for which a half-written file outside a run is left alone: a process of another machine
may be at work on it, and its number says nothing here."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A run without a result, or a half-written file or folder."""

    path: Path
    state: State
    """``begun``: can be resumed; ``broken``: cannot be read; ``in use``: not to be removed now."""
    detail: str
    """Its progress, its fault, or the process that holds it."""

    @property
    def size(self) -> int:
        """Bytes in files; links count for nothing."""
        return sum(found.st_size for found in _all_in(self.path) if S_ISREG(found.st_mode))

    def remove(self) -> None:
        """Remove it; of what is removed in part, the rest is half-written, and found next time.

        Raises:
            RunError: if something is in the way.
        """
        doomed = self.path
        if self.state != "half-written":
            doomed = self.path.with_name(temporary_name(self.path))
            os.replace(self.path, doomed)
        remove(doomed)
        if os.path.lexists(doomed):
            raise RunError(f"{doomed} cannot be removed whole; see who may write to it")


def find_leftovers(folder: Path) -> Iterator[Leftover]:
    """The leftovers in a folder, in order; links and hidden folders are not looked into.

    Raises:
        RunError: if there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder; give one with runs or benches in it")
    return _in_folder(folder)


def _in_folder(folder: Path) -> Iterator[Leftover]:
    is_run = _is_run(folder)
    with ExitStack() as stack:
        if is_run or (folder / "suite.json").exists():
            try:
                stack.enter_context(holding(folder, "clean", reads=True))
            except RunError as error:
                yield Leftover(folder, "in use", str(error))
                return
        yield from _of_run(RunFolder(folder)) if is_run else _of_others(folder)


def _of_run(run: RunFolder) -> Iterator[Leftover]:
    if not run.result.exists():
        unfinished = _unfinished(run)
        if unfinished is not None:
            yield unfinished
            return
    for path in run.half_written():
        yield Leftover(path, "half-written", "")


def _unfinished(run: RunFolder) -> Leftover | None:
    """The run as a leftover; None if its journal says that it came to its end."""
    try:
        read_run(run)
        journal = Journal(run.journal)
    except RunError as error:
        return Leftover(run.path, "broken", str(error))
    if journal.has("finished"):
        return None
    return Leftover(run.path, "begun", f"{journal.n_steps} step{'s' * (journal.n_steps != 1)}")


def _of_others(folder: Path) -> Iterator[Leftover]:
    for path in sorted(folder.iterdir()):
        if temporary := _TEMPORARY.fullmatch(path.name):
            if not _may_be_written(path, int(temporary[1])):
                yield Leftover(path, "half-written", "")
        elif path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            yield from _in_folder(path)


def _may_be_written(path: Path, pid: int) -> bool:
    """Whether a process may be at work on a temporary file or folder with its number."""
    if Holder(pid, socket.gethostname(), born="", since="", work="").is_alive:
        return True
    return time.time() - max(found.st_mtime for found in _all_in(path)) < _RECENTLY


def _all_in(path: Path) -> Iterator[os.stat_result]:
    """The status of a file or folder and of everything in it; links are not followed."""
    yield path.lstat()
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            yield Path(folder, name).lstat()


def _is_run(folder: Path) -> bool:
    """Whether something in a folder says that it is a run, and not just named like one."""
    run = RunFolder(folder)
    try:
        if {"config", "spec", "versions"} <= read_json(run.config).keys():
            return True
    except RunError:
        pass
    try:
        first = next(stream_lines(run.journal), None)
    except RunError:
        return False
    return isinstance(first, dict) and "stage" in first
