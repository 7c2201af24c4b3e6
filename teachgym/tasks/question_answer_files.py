"""Rows of question-and-answer data sets: from files, from a folder, or from the Hugging Face hub.

A folder holds ``train`` and ``test`` as files or folders of that name, the way hub repositories
and the original archives do: ``train.jsonl``, ``algebra/test-00000-of-00001.parquet``,
``train/geometry/12.json``. A repository of the hub is downloaded once and read like a folder.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError, missing_extra
from teachgym.records import lines_of, read_text
from teachgym.settings import checked
from teachgym.tasks.problem_splits import ProblemsTask

MAX_BYTES = 10**9
"""The most bytes of a JSON document; longer ones are read line by line, as JSON Lines."""

SPLITS = ("train", "test")
"""The splits that data sets come with."""

Source = str | Mapping[str, str | Sequence[str]]
"""A folder, the name of a data set on the hub, or one or several files for each of ``SPLITS``;
where no test is required, also one file, which is all ``train``."""

_SPLIT_NAME = re.compile(r"(train|test)([-_.]\d[\w-]*)?")
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a data set."""

    values: Mapping[str, Any]
    where: str
    """The file and the line or row, counted from 1."""

    def value(self, column: str) -> Any:
        """The value in a column.

        Raises:
            ConfigError: if there is no such column.
        """
        if column not in self.values:
            raise ConfigError(
                f"{self.where} has no column {column!r}; it has {', '.join(self.values) or 'none'}"
            )
        return self.values[column]

    def text(self, column: str) -> str:
        """The text in a column without outer white space; numbers in figures.

        Raises:
            ConfigError: if there is no such column, or no text in it.
        """
        text = self.value(column)
        if type(text) is int or (isinstance(text, float) and isfinite(text)):
            return str(text)
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{self.where}: {column!r} is {text!r}; it must be a text")
        return text.strip()


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class RowsTask(ProblemsTask):
    """A task of the rows of a data set."""

    path: Source
    """A data set on the hub, a folder, or files by split; see ``question_answer_files``."""
    config: str | None = None
    """The sub-folder to read, where there is one, such as ``algebra``."""
    revision: str | None = None
    """Commit or tag of a data set on the hub; None = its newest version."""

    def rows(self, required: Collection[str] = SPLITS) -> dict[str, list[Row]]:
        """The rows of each split; see ``read_splits``."""
        return read_splits(self.path, config=self.config, revision=self.revision, required=required)


def package_data(package: str) -> Path | None:
    """The folder ``data`` of an installed package, which is not imported; None = it is absent."""
    spec = find_spec(package)
    found = spec and spec.submodule_search_locations
    return Path(found[0]) / "data" if found else None


def read_splits(
    source: Source,
    *,
    config: str | None = None,
    revision: str | None = None,
    required: Collection[str] = SPLITS,
) -> dict[str, list[Row]]:
    """The rows of ``train`` and ``test``, in the order of the files' names and of their lines.

    Args:
        source: see ``Source``. A folder that exists goes before a data set of the same name.
        config: the sub-folder to read, where a data set comes in several versions.
        revision: commit or tag of the data set on the hub; None = its newest version.
        required: splits that may not be empty.

    Raises:
        ConfigError: for a source, a split or a file that is not there, or a line that cannot be
            read.
        MissingExtraError: for a Parquet file if pyarrow is not installed.
    """
    if isinstance(source, Mapping):
        files = {split: _named_files(source, split, required) for split in SPLITS}
    elif "test" not in required and Path(source).expanduser().is_file():
        files = {"train": [Path(source).expanduser()], "test": []}
    else:
        files = _files_in(data_folder(source, config, revision))
    rows = {split: [row for path in files[split] for row in read_file(path)] for split in SPLITS}
    for split in required:
        if not rows[split]:
            read = ", ".join(map(str, files[split])) or f"{source}: no file is named for it"
            raise ConfigError(f"the split {split!r} is empty ({read}); name files that have rows")
    return rows


def _named_files(
    source: Mapping[str, str | Sequence[str]], split: str, required: Collection[str]
) -> list[Path]:
    """The files that ``source`` names for a split."""
    if not set(required) <= set(source) <= set(SPLITS):
        raise ConfigError(f"path names {sorted(source)}; name files for 'train' and for 'test'")
    names = source.get(split, ())
    paths = [Path(name) for name in ([names] if isinstance(names, str) else names)]
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"there is no file {str(path)!r} for the split {split!r}")
    return paths


def data_folder(source: str, config: str | None, revision: str | None) -> Path:
    """The folder with this name, or a copy of the data set with this name on the hub.

    Raises:
        ConfigError: if there is neither.
    """
    folder = Path(source).expanduser()
    if folder.is_file():
        raise ConfigError(
            f"{source!r} is one file; give a folder, or {{'train': FILE, 'test': FILE}}"
        )
    if not folder.is_dir():
        folder = _download(source, config, revision)
    return folder / config if config and (folder / config).is_dir() else folder


def _download(name: str, config: str | None, revision: str | None) -> Path:
    """A local copy of the data files of a data set on the hub; downloaded once."""
    if not _HUB_NAME.fullmatch(name):
        raise ConfigError(f"there is no folder {name!r}, and data sets on the hub are OWNER/NAME")
    from huggingface_hub import snapshot_download

    patterns = [f"{config}/*{suffix}" if config else f"*{suffix}" for suffix in _READERS]
    try:
        return Path(
            snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=patterns)
        )
    # Every way in which the hub fails to deliver derives from one of these two.
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"there is no folder {name!r}, and no data set of that name came from the hub "
            f"({type(error).__name__}: {error}); name a folder, or connect once to download it"
        ) from error


def _files_in(folder: Path) -> dict[str, list[Path]]:
    """The data files below a folder, by the split that their names or folders' names say."""
    files: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _READERS and path.is_file():
            *above, name = path.relative_to(folder).parts
            matches = map(_SPLIT_NAME.fullmatch, (name.removesuffix(path.suffix), *above[::-1]))
            if match := next(filter(None, matches), None):
                files[match[1]].append(path)
    return files


def read_file(path: Path) -> Iterator[Row]:
    """The rows of a file, read according to its suffix.

    Raises:
        ConfigError: for a file that is of no known form, or cannot be read.
        MissingExtraError: for a Parquet file if pyarrow is not installed.
    """
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise ConfigError(f"{path} is not one of {', '.join(_READERS)}")
    return _rows(reader(path))


def read_json_lines(path: Path, longest: int | None = None) -> Iterator[Row]:
    """The rows of a JSON Lines file, ignoring its suffix.

    Raises:
        ConfigError: for a file that is not there, or a line that cannot be read or is longer than
            so many bytes, by default ``records.MAX_LINE``.
    """
    return _rows(_lines(path, longest))


def _rows(found: Iterator[tuple[str, Any]]) -> Iterator[Row]:
    for where, values in found:
        if not isinstance(values, dict):
            raise ConfigError(f"{where} is not an object with named columns: {values!r:.80}")
        yield Row(values, where)


def _lines(path: Path, longest: int | None = None) -> Iterator[tuple[str, Any]]:
    """The rows of JSON Lines; empty lines are skipped."""
    for number, line in lines_of(path, longest):
        yield f"{path}:{number}", _parse(line, f"{path}:{number}")


def _document(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of JSON: a list of objects, or one object, which is one row."""
    content = _parse(read_text(path, MAX_BYTES), str(path))
    if isinstance(content, list):
        yield from ((f"{path}: item {i}", item) for i, item in enumerate(content, 1))
    else:
        yield str(path), content


def _table(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a Parquet file."""
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise missing_extra("pyarrow", "math") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    # What pyarrow raises derives from one of these two.
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as Parquet: {error}") from error
    yield from ((f"{path}: row {i}", row) for i, row in enumerate(rows, 1))


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of comma-separated values, whose first line names the columns."""
    # Not by splitlines: U+2028 and the like end no row.
    reader = csv.DictReader(StringIO(read_text(path, MAX_BYTES), newline=""), strict=True)
    try:
        for values in reader:
            where = f"{path}:{reader.line_num}"
            if None in values or None in values.values():
                columns = len(reader.fieldnames or ())
                raise ConfigError(f"{where} does not have {columns} values, one for each name")
            yield where, values
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num} cannot be read as CSV: {error}") from error


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError(f"{where} is nested too deep for a row of named columns") from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{where} cannot be read as JSON: {error.msg} (line {error.lineno}, "
            f"column {error.colno}): {text.strip()!r:.80}"
        ) from error


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {
    ".jsonl": _lines,
    ".json": _document,
    ".parquet": _table,
    ".csv": _values,
}
