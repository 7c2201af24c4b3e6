"""Rows of LiveCodeBench, of either generation of the data set, as problems with tests.

``code_generation`` has its private tests as JSON, ``code_generation_lite`` as JSON in a pickled
text, compressed, in base64. Pickles can run code, so they are not loaded: their instructions are
listed, and anything but one text is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError
from teachgym.shown import in_short, shown
from teachgym.tasks.question_answer_files import Row, data_folder, read_file, read_json_lines

MAX_TESTS = 2 * 10**8
"""Characters of the tests of a problem."""
DIFFICULTIES = {"easy": 0.0, "medium": 0.5, "hard": 1.0}

_RELEASE = re.compile(r"release_v(\d{1,2})")
_TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
_AROUND = {"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}


@dataclass(frozen=True, slots=True)
class Case:
    """A test: input and output of a script, or the arguments as JSON lines and the result."""

    given: str
    expected: str


@dataclass(frozen=True, slots=True)
class CodeProblem:
    """A problem of a contest."""

    id: str
    text: str
    starter: str
    """Code to be completed; empty where the answer is a script."""
    function: str
    """Name of what is called; empty for a script."""
    date: date
    """The date of the contest."""
    difficulty: float
    cases: tuple[Case, ...]
    """Those that the text shows, then the private ones."""

    __repr__ = in_short


def read_rows(source: str | Sequence[str], release: str | None, revision: str | None) -> list[Row]:
    """The rows of a file, of several, of a folder, or of a data set on the hub.

    Of a folder, a release is the folder of that name, or else the files ``test.jsonl``,
    ``test2.jsonl``, ... up to its number; None = all files.

    Raises:
        ConfigError: for a source or a release that is not there, or a file that cannot be read.
    """
    if not isinstance(source, str):
        files = [Path(name).expanduser() for name in source]
    elif Path(source).expanduser().is_file():
        files = [Path(source).expanduser()]
    else:
        files = _files(data_folder(source, release, revision), release)
    rows = [row for path in files for row in _rows(path)]
    if not rows:
        raise ConfigError(f"no rows of LiveCodeBench in {shown(source)} (release={release!r})")
    return rows


def _rows(path: Path) -> Iterator[Row]:
    lines = path.suffix == ".jsonl"
    return read_json_lines(path, MAX_TESTS) if lines else read_file(path)


def _files(folder: Path, release: str | None) -> list[Path]:
    if release is None or folder.name == release:
        return sorted(path for path in folder.rglob("*") if path.suffix in (".jsonl", ".parquet"))
    number = _RELEASE.fullmatch(release)
    if number is None:
        raise ConfigError(f"release is {shown(release)}; it must be release_v1, release_v2, ...")
    names = [f"test{n}.jsonl" if n > 1 else "test.jsonl" for n in range(1, int(number[1]) + 1)]
    for name in names:
        if not (folder / name).is_file():
            raise ConfigError(f"there is no {name} in {folder}, which {release} consists of")
    return [folder / name for name in names]


def in_window(rows: Iterable[Row], since: str | None, until: str | None) -> Iterator[Row]:
    """The rows whose contest was in [since, until); None = without that bound.

    Raises:
        ConfigError: for what is no date.
    """
    first = read_date(since, "since") if since else date.min
    last = read_date(until, "until") if until else date.max
    return (row for row in rows if first <= _date_of(row) < last)


def read_date(text: str, name: str) -> date:
    """The day of a date or time in ISO 8601.

    Raises:
        ConfigError: for what is none.
    """
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise ConfigError(
            f"{name} is {shown(text)}; it must be a date such as 2024-05-01"
        ) from None


def read_problem(row: Row) -> CodeProblem:
    """The problem of a row, with all of its tests.

    Raises:
        ConfigError: for a missing column, or one that cannot be read.
    """
    public = _json(row, "public_test_cases", str(row.value("public_test_cases")))
    private = _private(row, str(row.value("private_test_cases")))
    told = _json(row, "metadata", str(row.value("metadata") or "{}"))
    cases = tuple(_case(row, found) for found in (*_listed(row, public), *_listed(row, private)))
    difficulty = row.text("difficulty")
    if difficulty not in DIFFICULTIES:
        raise ConfigError(
            f"{row.where}: difficulty is {difficulty!r}; it is one of easy, medium and hard"
        )
    if not cases:
        raise ConfigError(f"{row.where} has no tests")
    function = told.get("func_name") if isinstance(told, dict) else None
    return CodeProblem(
        row.text("question_id"),
        row.text("question_content"),
        str(row.value("starter_code") or "").rstrip(),
        str(function or ""),
        _date_of(row),
        DIFFICULTIES[difficulty],
        cases,
    )


def _date_of(row: Row) -> date:
    found = row.value("contest_date")
    if isinstance(found, datetime):  # Of Parquet files.
        return found.date()
    return read_date(str(found), f"{row.where}: contest_date")


def _private(row: Row, text: str) -> Any:
    """The private tests, as plain or as packed JSON."""
    if text.lstrip()[:1] in ("[", "{"):
        return _json(row, "private_test_cases", text)
    try:
        unpacking = zlib.decompressobj()
        packed = base64.b64decode(text, validate=True)
        pickled = unpacking.decompress(packed, MAX_TESTS)
        if not unpacking.eof:
            raise ConfigError(f"{row.where}: private_test_cases is cut off, or too long")
        return _json(row, "private_test_cases", unpickled_text(pickled))
    except (binascii.Error, zlib.error, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{row.where}: private_test_cases is neither JSON nor packed JSON: {error}"
        ) from error


def unpickled_text(pickled: bytes) -> str:
    r"""The text in a pickle, read without running anything.

    Raises:
        ValueError: for a pickle of anything else.

    Example:
        >>> import pickle
        >>> unpickled_text(pickle.dumps("[]"))
        '[]'
        >>> unpickled_text(pickle.dumps(print))
        Traceback (most recent call last):
        ...
        ValueError: a pickle with the instruction SHORT_BINUNICODE twice is not of one text
    """
    texts: list[str] = []
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name in _TEXTS and not texts:
            texts.append(str(argument))
        elif operation.name in _TEXTS:
            raise ValueError(
                f"a pickle with the instruction {operation.name} twice is not of one text"
            )
        elif operation.name not in _AROUND:
            raise ValueError(f"a pickle with the instruction {operation.name} is not of one text")
    if not texts:
        raise ValueError("a pickle without a text")
    return texts[0]


def _json(row: Row, column: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{row.where}: {column} is not JSON: {error}"[:300]) from error


def _listed(row: Row, found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise ConfigError(f"{row.where}: tests are {shown(found)}; they must be a list")
    return found


def _case(row: Row, found: Any) -> Case:
    match found:
        case {"input": str(given), "output": str(expected)}:
            return Case(given, expected)
    raise ConfigError(f"{row.where}: a test is {shown(found)}; it has input and output, both texts")
