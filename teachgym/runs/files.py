"""Files that survive a crash: JSON Lines that only grow, everything else replaced as a whole.

Whatever moment a process dies at, a file written here is either complete or ends in one torn
line, which readers ignore and ``keep_lines`` cuts off before the file grows again. Links are never
followed by what writes.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Any

from teachgym.errors import RunError
from teachgym.records import Record
from teachgym.redaction import hide

_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
_NAME_SHOWN = 100


def append_lines(path: Path, records: Iterable[Any]) -> None:
    """Append JSON values, one per line, and wait until they are on disk."""
    append_text(path, hide(_lines(records)))


def append_text(path: Path, text: str) -> None:
    """Append ASCII text that ends with a line, and wait until it is on disk."""
    with naming(path), open(path, "ab", opener=_no_link) as file:
        if text:
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """The values of the complete lines, all at once; none if there is no file.

    Raises:
        RunError: for a complete line that is not JSON, or something that is no file.
    """
    return list(stream_lines(path))


def stream_lines(path: Path, count: int | None = None) -> Iterator[Any]:
    """The values of the complete lines, or of the first ``count``, one at a time.

    Raises:
        RunError: for a complete line that is not JSON, when it is that line's turn.
    """
    lines = enumerate(islice(complete_lines(path), count), 1)
    return (parse_json(line, f"{path}:{n}") for n, line in lines)


def keep_lines(path: Path, count: int) -> None:
    """Cut off everything after the first ``count`` lines.

    Raises:
        RunError: if there are fewer.
    """
    kept = size = 0
    for line in islice(complete_lines(path), count):
        kept, size = kept + 1, size + len(line)
    if kept < count:
        raise RunError(f"{path} has {kept} of {count} lines; restore it from a copy")
    if path.exists():
        cut(path, size)


def cut(path: Path, size: int) -> None:
    """Cut a file off after ``size`` bytes; a link is not followed but refused."""
    with naming(path), open(path, "r+b", opener=_no_link) as file:
        file.truncate(size)


@contextmanager
def replacing(path: Path, *, new: bool = False) -> Iterator[Path]:
    """A temporary path to write a file or folder to; it becomes ``path`` if nothing is raised.

    Folders above it are made. The temporary name is of this process and call alone. What a killed
    process leaves of it is removed by ``RunFolder.sweep`` and ``teachgym clean``.

    Args:
        path: what to replace.
        new: for a folder: where it exists by then, with something in it, raise ``OSError``
            instead of replacing it.
    """
    temporary = path.parent / temporary_name(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            if not temporary.is_dir():
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            elif not new:
                remove(path)
            os.replace(temporary, path)
        except Exception as error:
            remove(temporary)
            if isinstance(error, OSError) and isinstance(error.filename, str):
                error.filename = error.filename.replace(str(temporary), str(path))
            raise


def temporary_name(path: Path) -> str:
    """A name, of this process and call alone, for what is written or removed beside a path."""
    return f".{path.name[:_NAME_SHOWN]}.{os.getpid()}-{token_hex(4)}.tmp"


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there and as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return


def settle(path: Path) -> Path:
    """``path`` without ``..``, which means something else once a folder before it is there."""
    return path.resolve() if ".." in path.parts else path


def check_writable(path: Path) -> None:
    """See that a folder can be made, or is there and takes files, and leave nothing behind.

    Raises:
        OSError: if not: a file in the way, a name too long, no permission, no room.
    """
    above = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    probe = above / f".{os.getpid()}-{token_hex(4)}.tmp"
    with naming(path):
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(above))
        try:
            # The names of all that is missing, since one of them may be too long.
            folder = probe / path.relative_to(above)
            folder.mkdir(parents=True)
            (folder / "probe").write_bytes(b"0" * 4096)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            remove(probe)


def refuse_links(folder: Path, *, but: Iterable[str] = ()) -> None:
    """See that no link in a folder, however deep, leads out of it.

    Args:
        folder: where to look; it may itself be reached by a link.
        but: names in it that are not looked into.

    Raises:
        RunError: if one does; names it.
    """
    root, todo = Path(os.path.realpath(folder)), [folder]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    _require_inside(entry.path, root)
                elif entry.is_dir() and entry.name not in but:
                    todo.append(Path(entry.path))


def _require_inside(link: str, root: Path) -> None:
    target = os.path.realpath(link)
    if not Path(target).is_relative_to(root):
        raise RunError(
            f"{link} is a link to {target}, out of the folder; put a copy of that in its place"
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the operating system say which file it is about.

    Also makes an ``OSError`` of what libraries written in Rust raise in its place.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    except Exception as error:
        if found := _RUST_ERROR.search(str(error)):
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value for people and programs; what is not a finite number is ``null``."""
    write_text(path, f"{json.dumps(strict(value), indent=2)}\n")


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write a JSON value a line, as ``write_text`` does."""
    write_text(path, _lines(records))


def _lines(records: Iterable[Any]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def write_text(path: Path, text: str) -> None:
    """Write a text, as a whole or not at all and without known secrets."""
    with replacing(path) as temporary:
        temporary.write_text(hide(text), encoding="utf-8")


def numbered(folder: Path, pattern: str) -> dict[int, Path]:
    """The files of steps by their numbers, ascending: ``state_012.json`` for ``state_*.json``.

    What has no number in the place of the ``*`` is somebody else's.
    """
    kind, end = pattern.split("*")
    found = {path.name.removeprefix(kind).removesuffix(end): path for path in folder.glob(pattern)}
    return dict(sorted((int(n), path) for n, path in found.items() if re.fullmatch("[0-9]+", n)))


def read_json(path: Path) -> Record:
    """Read a JSON object.

    Raises:
        RunError: if the file is missing or damaged, or holds something else.
    """
    value = parse_json(read_bytes(path), str(path))
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged (it holds no JSON object); restore it from a copy")
    return value


def read_bytes(path: Path) -> bytes:
    """Content of a file that must be there.

    Raises:
        RunError: if it is missing, or a folder.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; restore it from a copy") from error
    except IsADirectoryError as error:
        raise RunError(f"{path} is a folder, not a file; restore it from a copy") from error


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


def complete_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends, but for a torn last one; none if there is no file.

    Raises:
        RunError: if it is a folder.
    """
    if path.is_dir():
        raise RunError(f"{path} is a folder, not a file; restore it from a copy")
    if not path.exists():
        return
    with naming(path), path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def parse_json(content: bytes, place: str) -> Any:
    """The value of JSON bytes.

    Raises:
        RunError: if it is no JSON; names ``place``.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{place} is damaged ({error}); restore it from a copy") from error


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
