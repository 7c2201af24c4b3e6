"""The manifest: size and SHA-256 of every file that a run is read from, in its journal.

Each line of the journal has, as ``files``, what its stage wrote: ``{path: [size, digest]}``, or
``null`` for a file that is gone. A JSON Lines file only grows, and its digest is that of its
first ``size`` bytes; what comes after them is of a stage that was not finished, and is cut off.
Every other file is written once under its name. So a line is as long after many steps as after
one, and so is the work: only what is new is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from teachgym.errors import RunError
from teachgym.records import Record
from teachgym.runs.files import naming, numbered

Entry = tuple[int, str]
"""Size in bytes and SHA-256."""

_FOLDERS = ("checkpoints", "predictions", "student", "students")
_FLAT = ("checkpoints", "predictions")
_GROWING = ("examples", "rejected", "incidents", "metrics", "moves")
_CHUNK = 1 << 20


class Manifest:
    """The known state of a run's files, and their changes since.

    Args:
        folder: the run's.
        lines: of its journal so far.
    """

    def __init__(self, folder: Path, lines: Iterable[Record]) -> None:
        self._folder = folder
        self._known: dict[str, Entry] = {}
        self._hashes: dict[str, Any] = {}
        for _, name, entry in told(lines):
            self._note(name, entry)

    def changes(self) -> dict[str, Entry | None]:
        """Files that are new, longer or gone since the last call; from now on they are known."""
        found = dict(self._grown())
        there = dict(_whole(self._folder))
        found |= {n: digest_of(path) for n, path in there.items() if n not in self._known}
        gone = (n for n in self._known if n not in there and not _grows(n))
        changed: dict[str, Entry | None] = {**found, **dict.fromkeys(gone)}
        for name, entry in changed.items():
            self._note(name, entry)
        return dict(sorted(changed.items()))

    def _grown(self) -> Iterator[tuple[str, Entry]]:
        for path in (self._folder / f"{name}.jsonl" for name in _GROWING):
            size = path.stat().st_size if path.exists() else 0
            known, _ = self._known.get(path.name, (0, ""))
            if size != known:
                yield path.name, (size, self._digest(path, size))

    def _digest(self, path: Path, size: int) -> str:
        """The digest of the first ``size`` bytes; reads what this process has not read before."""
        done, running = self._hashes.pop(path.name, (0, None))
        if running is None or done > size:
            done, running = 0, sha256()
        _feed(running, path, done, size)
        self._hashes[path.name] = (size, running)
        return str(running.hexdigest())

    def _note(self, name: str, entry: Entry | None) -> None:
        if entry is None:
            self._known.pop(name, None)
        else:
            self._known[name] = entry


def require_intact(
    folder: Path, lines: Iterable[Record], *, names: Iterable[str] = (), ended: bool = False
) -> None:
    """See that the files of a run are those that its journal tells of.

    A file that is not there is left to those who need it: old ones are let go all the time.

    Args:
        folder: the run's.
        lines: of its journal.
        names: of the files to look at; by default all.
        ended: whether nothing is written any more: then no file may hold more than it should.

    Raises:
        RunError: for a file that differs, is too short, or is no file; names it, and for a JSON
            Lines file the stage that wrote what differs.
    """
    wanted, whole = set(names), dict[str, Entry]()
    growing: dict[str, list[tuple[str, Entry]]] = {f"{name}.jsonl": [] for name in _GROWING}
    for stage, name, entry in told(lines):
        if wanted and name not in wanted:
            continue
        if entry is None:
            whole.pop(name, None)
        elif _grows(name):
            growing[name].append((stage, entry))
        else:
            whole[name] = entry
    if not wanted:
        _require_flat(folder)
    for name, entry in whole.items():
        path = folder / name
        _require_file(path)
        if path.exists() and digest_of(path) != entry:
            raise RunError(_differs(path, entry))
    for name, parts in growing.items():
        if not wanted or name in wanted:
            _require_grown(folder / name, parts, ended=ended)


def require_no_later(folder: Path, last: int) -> None:
    """See that there are no files of a step after ``last``, the last that can have been begun.

    Raises:
        RunError: if there are: then lines are missing at the end of the journal.
    """
    for name, pattern in (("checkpoints", "state_*.json"), ("predictions", "step_*.jsonl")):
        for number, path in numbered(folder / name, pattern).items():
            if number > last:
                raise RunError(
                    f"{folder / 'journal.jsonl'} lacks lines at its end: {path} is of a step that "
                    "it does not lead to; restore it from a copy"
                )


def told(lines: Iterable[Record]) -> Iterator[tuple[str, str, Entry | None]]:
    """Stage, name and entry of each file that lines of a journal tell of, in order."""
    for line in lines:
        stage = f"step {line['step']}" if line["stage"] == "step" else str(line["stage"])
        for name, entry in line.get("files", {}).items():
            yield stage, name, None if entry is None else (entry[0], entry[1])


def digest_of(path: Path) -> Entry:
    """Size and SHA-256 of a whole file."""
    running, size = sha256(), path.stat().st_size
    _feed(running, path, 0, size)
    return size, running.hexdigest()


def _feed(running: Any, path: Path, begin: int, end: int) -> None:
    with naming(path), path.open("rb") as file:
        file.seek(begin)
        while begin < end and (block := file.read(min(_CHUNK, end - begin))):
            running.update(block)
            begin += len(block)


def _require_grown(path: Path, parts: list[tuple[str, Entry]], *, ended: bool) -> None:
    _require_file(path)
    size = path.stat().st_size if path.exists() else 0
    running, done = sha256(), 0
    for stage, (end, digest) in parts:
        if size < end:
            raise RunError(
                f"{path} has {size} bytes and lacks some of the {end} that it had after stage "
                f"{stage!r}; restore it from a copy"
            )
        if end > 0:
            _feed(running, path, done, end)
        if running.hexdigest() != digest:
            raise RunError(
                f"{path} is not the file that was written: it differs in what stage {stage!r} "
                f"added, bytes {done} to {end}; restore it from a copy"
            )
        done = end
    if ended and size > done:
        raise RunError(
            f"{path} has {size} bytes, but {done} when the run ended; restore it from a copy"
        )


def _differs(path: Path, entry: Entry) -> str:
    size = path.stat().st_size
    what = "in its content" if size == entry[0] else f"it has {size} bytes, not {entry[0]}"
    return f"{path} is not the file that was written ({what}); restore it from a copy"


def _require_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise RunError(f"{path} is a folder, not a file; restore it from a copy")


def _require_flat(folder: Path) -> None:
    """Require that the places where a run keeps files hold nothing else."""
    for name in _FLAT:
        place = folder / name
        if place.exists() and not place.is_dir():
            raise RunError(f"{place} is a file, not a folder; restore it from a copy")
        for path in place.iterdir() if place.exists() else ():
            if path.is_dir():
                raise RunError(f"{path} is a folder where a run has none; move it away")


def _grows(name: str) -> bool:
    return name.removesuffix(".jsonl") in _GROWING


def _whole(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files that are written once, by their names from the run's folder on."""
    if (folder / "result.json").exists():
        yield "result.json", folder / "result.json"
    for top in _FOLDERS:
        for place, _, names in os.walk(folder / top):
            for name in names:
                if not (name.startswith(".") and name.endswith(".tmp")):
                    path = Path(place, name)
                    yield path.relative_to(folder).as_posix(), path
