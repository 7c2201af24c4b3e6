"""Remembered answers: keys, damage, the bound on the size, and two processes at once."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.answers import AnswerStore, answers_key
from teachgym.types import Prompt, Turn

SUM = Prompt("1 + 1 = ")
KEY = answers_key("00", 8, [SUM])
DIFFERENT: dict[str, tuple[Any, ...]] = {
    "weights": ("01", 8, [SUM]),
    "longest answer": ("00", 9, [SUM]),
    "prompts": ("00", 8, [Prompt("1 + 2 = ")]),
    "images": ("00", 8, [Prompt("1 + 1 = ", images=("0" * 64,))]),
    "turns": ("00", 8, [Prompt("1 + 1 = ", turns=(Turn("3", "no"),))]),
    "more prompts": ("00", 8, [SUM, Prompt("")]),
    "stop": ("00", 8, [SUM], ["\n"]),
}


def the_file(store: AnswerStore) -> Path:
    (path,) = store.folder.iterdir()
    return path


def test_a_key_is_64_hex_digits_and_equal_for_equal_questions() -> None:
    assert len(KEY) == 64
    assert int(KEY, 16) >= 0
    assert answers_key("00", 8, (SUM,), ()) == KEY


@pytest.mark.parametrize("name", list(DIFFERENT))
def test_every_part_of_a_question_is_in_its_key(name: str) -> None:
    assert answers_key(*DIFFERENT[name]) != KEY


def test_the_order_of_prompts_counts_and_their_borders_too() -> None:
    keys = {
        answers_key("00", 8, [*map(Prompt, p)])
        for p in (["a", "b"], ["b", "a"], ["ab", ""], ["ab"])
    }
    assert len(keys) == 4


def test_nothing_is_found_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "none")
    assert store.get(KEY, 1) is None
    assert not store.folder.exists()


@given(answers=st.lists(st.text()))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, answers: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    AnswerStore(folder).put(KEY, answers)
    assert AnswerStore(folder).get(KEY, len(answers)) == answers


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.put(KEY, ["2"])
    assert the_file(store).name == f"{KEY}.json"
    entry = json.loads(the_file(store).read_text())
    assert (entry["key"], entry["answers"], set(entry)) == (
        KEY,
        ["2"],
        {"key", "answers", "checksum"},
    )


DAMAGE: dict[str, Any] = {
    "truncated": lambda content: content[:-7],
    "empty": lambda content: b"",
    "changed": lambda content: content.replace(b'"2"', b'"3"'),
    "not JSON": lambda content: b"\xff\x00" + content,
    "of another question": lambda content: content.replace(KEY.encode(), b"f" * 64),
    "another kind of value": lambda content: b"[1, 2]",
    "without answers": lambda content: json.dumps({"key": KEY}).encode(),
    "answers that are a number": lambda content: json.dumps(
        {"key": KEY, "answers": 2, "checksum": ""}
    ).encode(),
}


@pytest.mark.parametrize("name", list(DAMAGE))
def test_a_damaged_entry_is_reported_and_replaced(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = AnswerStore(tmp_path)
    store.put(KEY, ["2"])
    path = the_file(store)
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    with caplog.at_level(logging.WARNING, "teachgym.answers"):
        assert store.get(KEY, 1) is None
    assert path.name in caplog.text
    store.put(KEY, ["2"])
    assert store.get(KEY, 1) == ["2"]


def test_an_entry_with_another_number_of_answers_is_not_used(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.put(KEY, ["2"])
    assert store.get(KEY, 2) is None


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = AnswerStore(tmp_path / "file" / "answers")
    store.put(KEY, ["2"])
    assert "not remembered" in caplog.text
    assert store.get(KEY, 1) is None


def test_the_entries_unused_for_longest_go_when_the_limit_is_passed(tmp_path: Path) -> None:
    """Six entries of 1000 bytes and more are above 6000 bytes; 0.9 of that holds five of them.

    The oldest but one was read last, so the oldest is what goes.
    """
    store = AnswerStore(tmp_path, limit_bytes=6000)
    keys = [answers_key(str(i), 8, []) for i in range(6)]
    size = 1000 - len(json.dumps({"key": KEY, "answers": [""], "checksum": KEY}))
    for age, key in enumerate(keys[:5]):
        store.put(key, ["a" * size])
        os.utime(store.folder / f"{key}.json", (1000 + age, 1000 + age))
    assert store.get(keys[0], 1) is not None
    store.put(keys[5], ["a" * (size + 1)])
    assert [store.get(key, 1) is not None for key in keys] == [True, False, True, True, True, True]


def test_a_new_process_counts_what_is_there_already(tmp_path: Path) -> None:
    for i in range(20):
        AnswerStore(tmp_path, limit_bytes=6000).put(answers_key(str(i), 8, []), ["a" * 1000])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 6000


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a" * 9000)
    AnswerStore(tmp_path, limit_bytes=600).put(KEY, ["a" * 1000])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def write_often(folder: Path, limit: int) -> None:
    store = AnswerStore(folder, limit_bytes=limit)
    for i in range(60):
        store.put(answers_key(str(i % 12), 8, []), [str(i % 12)] * 20)


def test_two_processes_may_write_and_throw_out_at_once(tmp_path: Path) -> None:
    """Whatever is found afterwards is whole; a limit of 2000 bytes keeps both removing."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_often, args=(tmp_path, 2000)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert not list(tmp_path.glob("*.tmp"))
    store = AnswerStore(tmp_path)
    found = [store.get(answers_key(str(i), 8, []), 20) for i in range(12)]
    assert [f for f in found if f] == [[str(i)] * 20 for i, f in enumerate(found) if f]
    assert any(found)
