"""What is asked once is never asked again, by anybody, and comes back as it was."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.chat.cache import NotRecordedError, Recorded
from teachgym.chat.scripted import Scripted
from teachgym.errors import ChatError, ConfigError
from teachgym.types import Completion, Cost, Incident, Messages, Schema

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
SCHEMA = {"type": "object"}


class Counting:
    """Answers, or fails, with the number of the call."""

    name = "counting"

    def __init__(self, *, fails: bool = False) -> None:
        self.calls, self.fails = 0, fails

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        self.calls += 1
        if self.fails:
            raise ChatError(f"failure {self.calls}")
        return Completion(
            f"answer {self.calls}",
            Cost(teacher_calls=1, teacher_tokens_in=7, dollars=0.1),
            cut=True,
            incidents=(Incident("retry", "busy"),),
        )


def refuse(messages: Messages, schema: Schema, draw: int) -> str:
    raise AssertionError("nobody may be asked")


SILENT = Scripted(refuse, name="counting")


def test_an_answer_is_had_once_and_comes_back_whole(tmp_path: Path) -> None:
    chat = Counting()
    recorded = Recorded(chat, tmp_path / "new" / "chat.sqlite")
    first = recorded.complete(QUESTION, SCHEMA, draw=1)
    assert recorded.complete(QUESTION, SCHEMA, draw=1) == first
    assert chat.calls == 1
    replayed = Recorded(SILENT, tmp_path / "new" / "chat.sqlite", "replay")
    assert replayed.complete(QUESTION, SCHEMA, draw=1) == first
    assert replace(first, key="") == Counting().complete(QUESTION)
    assert first.key


def test_whatever_decides_an_answer_makes_another_request(tmp_path: Path) -> None:
    chat = Counting()
    path = tmp_path / "chat.sqlite"
    recorded = Recorded(chat, path, identity={"model": "m", "temperature": 1.0})
    recorded.complete(QUESTION)
    recorded.complete(QUESTION, draw=1)
    recorded.complete(QUESTION, SCHEMA)
    recorded.complete(QUESTION[1:])
    Recorded(chat, path, identity={"model": "m", "temperature": 0.0}).complete(QUESTION)
    assert chat.calls == 5
    Recorded(chat, path, identity={"temperature": 1.0, "model": "m"}).complete(QUESTION)
    assert chat.calls == 5


def test_a_failure_is_asked_again_until_it_is_lived_with(tmp_path: Path) -> None:
    chat = Counting(fails=True)
    path = tmp_path / "chat.sqlite"
    for number in (1, 2):
        with pytest.raises(ChatError, match=f"^failure {number}$") as caught:
            Recorded(chat, path).complete(QUESTION)
    Recorded(chat, path).lose(caught.value, QUESTION)
    ways: list[tuple[Any, Any]] = [(chat, "record"), (SILENT, "record"), (SILENT, "replay")]
    for asked, mode in ways:
        with pytest.raises(ChatError, match=r"^failure 2$"):
            Recorded(asked, path, mode).complete(QUESTION)
    assert chat.calls == 2
    with pytest.raises(ChatError, match=r"^failure 3$"):
        Recorded(chat, path).complete(QUESTION, draw=1)


def test_an_answer_is_not_lost_and_a_replay_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    recorded = Recorded(Counting(), path)
    recorded.complete(QUESTION)
    recorded.lose(ChatError("gone"), QUESTION)
    assert recorded.complete(QUESTION).text == "answer 1"
    Recorded(SILENT, path, "replay").lose(ChatError("gone"), QUESTION, draw=1)
    with pytest.raises(NotRecordedError):
        Recorded(SILENT, path, "replay").complete(QUESTION, draw=1)


def test_a_question_that_cannot_be_put_to_the_model_fails_by_itself(tmp_path: Path) -> None:
    def refuse_template(messages: Messages) -> str:
        raise ChatError("the chat template refuses")

    recorded = Recorded(SILENT, tmp_path / "chat.sqlite", prompt=refuse_template)
    with pytest.raises(ChatError, match="the chat template refuses") as caught:
        recorded.complete(QUESTION)
    recorded.lose(caught.value, QUESTION)
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_is_not_there_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    Recorded(Counting(), path).complete(QUESTION)
    replayed = Recorded(SILENT, path, "replay", identity={"model": "m"})
    question = [QUESTION[0], {"role": "user", "content": "x" * 1000}]
    with pytest.raises(NotRecordedError) as caught:
        replayed.complete(question, SCHEMA, draw=9)
    assert str(caught.value) == (
        f"{path} has no answer of counting to this request (draw 9, a schema): "
        f"system: 'Be brief.'; user: '{'x' * 100}...'. "
        "Run it once with cache 'record' and the same settings: {'model': 'm'}"
    )


def test_a_replay_without_a_record_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; record it first"):
        Recorded(SILENT, tmp_path / "chat.sqlite", "replay")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_file_that_is_no_record_is_left_alone(tmp_path: Path, mode: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 100)
    with pytest.raises(ConfigError, match="which is not a usable record of answers"):
        Recorded(SILENT, path, mode)
    assert path.read_text() == "my notes " * 100


def test_another_database_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE things (name TEXT)")
    other.close()
    with pytest.raises(ConfigError, match="no such table: answers"):
        Recorded(SILENT, path, "replay")


def test_a_folder_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give another file, or delete it"):
        Recorded(SILENT, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="give another file, or delete it"):
        Recorded(SILENT, tmp_path / "file" / "chat.sqlite").complete(QUESTION)


def test_a_record_that_is_destroyed_meanwhile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    recorded = Recorded(Counting(), path)
    recorded.complete(QUESTION)
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(ConfigError, match="which is not a usable record of answers"):
        recorded.complete(QUESTION)


def test_a_file_is_made_with_the_first_question(tmp_path: Path) -> None:
    path = tmp_path / "run" / "chat.sqlite"
    recorded = Recorded(Counting(), path)
    assert list(tmp_path.iterdir()) == []
    recorded.complete(QUESTION)
    assert path.is_file()


def test_another_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown mode 'write'"):
        Recorded(SILENT, tmp_path / "chat.sqlite", "write")  # type: ignore[arg-type]


def test_the_record_is_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    chat = Scripted(lambda messages, schema, draw: "Löse √2 \ud800", name="m")
    Recorded(chat, path).complete([{"role": "user", "content": "Größe?"}])
    with sqlite3.connect(path) as record:
        (row,) = record.execute("SELECT request, outcome FROM answers")
    record.close()
    request, outcome = row
    assert "Größe?" in request
    assert "√2" in outcome
    assert json.loads(request) == {
        "identity": {"model": "m"},
        "messages": [{"role": "user", "content": "Größe?"}],
        "schema": None,
        "draw": 0,
    }
    assert json.loads(outcome)["text"] == "Löse √2 \ud800"


# Surrogates are left in: a broken model may write half of a pair.
@settings(max_examples=25)
@given(text=st.text(st.characters(exclude_categories=[])), again=st.text())
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str, again: str) -> None:
    path = tmp_path_factory.mktemp("record") / "chat.sqlite"
    question = [{"role": "user", "content": text}, {"role": "user", "content": again}]
    Recorded(Scripted(lambda *_: text), path).complete(question)
    assert Recorded(Scripted(refuse), path, "replay").complete(question).text == text


def test_threads_that_ask_the_same_get_the_same(tmp_path: Path) -> None:
    recorded = Recorded(Counting(), tmp_path / "chat.sqlite")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: recorded.complete(QUESTION), range(40)))
    assert len({answer.text for answer in answers}) == 1


def _ask_many(path: Path, who: str) -> list[str]:
    """The answers to 50 questions, which carry the name of who asked first."""
    recorded = Recorded(Scripted(lambda *_: who), path, identity={"model": "m"})
    return [recorded.complete(QUESTION, draw=draw).text for draw in range(50)]


def test_processes_that_write_one_record_agree(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        first, second = processes.starmap(_ask_many, [(path, "a"), (path, "b")])
    assert first == second
    assert set(first) <= {"a", "b"}


def test_a_new_record_can_be_begun_by_many_at_once(tmp_path: Path) -> None:
    """Each round eight clients open a file that is not there yet, all at the same moment."""
    barrier = threading.Barrier(8)

    def begin(round_: int) -> str:
        recorded = Recorded(Counting(), tmp_path / f"{round_}.sqlite")
        barrier.wait(timeout=60)
        return recorded.complete(QUESTION).text

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(begin, [n // 8 for n in range(8 * 30)]))
    assert answers == ["answer 1"] * (8 * 30)
