"""Torn lines, half-written files, and JSON that other programs can read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import RunError
from teachgym.runs.files import (
    append_lines,
    keep_lines,
    read_json,
    read_lines,
    replacing,
    strict,
    write_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=5), st.integers(0, 200))
def test_however_much_of_the_last_line_is_lost_the_others_are_read(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], cut: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    append_lines(path, [*values, "last"])
    whole = path.read_bytes()
    cut = min(cut, len('"last"'))  # at most the last line, and at least its end
    path.write_bytes(whole[: len(whole) - 1 - cut])
    assert read_lines(path) == values
    keep_lines(path, len(values))
    append_lines(path, ["again"])
    assert read_lines(path) == [*values, "again"]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl") == []
    keep_lines(tmp_path / "none.jsonl", 0)
    with pytest.raises(RunError, match="0 of 1 lines"):
        keep_lines(tmp_path / "none.jsonl", 1)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(RunError, match=r"lines\.jsonl:2 is damaged"):
        read_lines(path)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"version": 1})
    with pytest.raises(OSError, match="disk is full"):
        _write_half(path)
    assert read_json(path) == {"version": 1}
    write_json(path, {"version": 2})
    assert read_json(path) == {"version": 2}


def _write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk is full")


@pytest.mark.parametrize("place", [".", "FILE/x.json", "/proc/x/y.json"])
def test_a_place_that_takes_no_file_is_named_and_not_what_would_become_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    with pytest.raises(OSError, match=r"\w") as raised:
        write_json(Path(place), 1)
    assert Path(str(raised.value.filename)) in (Path(place), *Path(place).parents)
    assert [p.name for p in tmp_path.iterdir()] == ["FILE"]


def test_folders_above_a_file_are_made(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b" / "x.json", {"n": 1})
    assert read_json(tmp_path / "a" / "b" / "x.json") == {"n": 1}


def test_a_folder_is_replaced_as_a_whole_even_after_a_failed_attempt(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for attempt, fails in enumerate((False, True, False)):
        try:
            with replacing(folder) as temporary:
                temporary.mkdir()
                (temporary / f"file-{attempt}").touch()
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            assert [p.name for p in folder.iterdir()] == ["file-0"]
    assert [p.name for p in folder.iterdir()] == ["file-2"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"loss": math.nan, "left": (math.inf, 2.5), "n": 1})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (tmp_path / "x.json").read_text()
    assert json.loads(text, parse_constant=refuse) == {"loss": None, "left": [None, 2.5], "n": 1}
    assert strict(-math.inf) is None


@pytest.mark.parametrize("content", ["", "{", "\x00\x00"])
def test_damaged_json_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RunError, match=r"x\.json is damaged"):
        read_json(tmp_path / "x.json")
