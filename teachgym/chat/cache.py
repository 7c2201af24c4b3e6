"""Recorded answers of chat models, with which a run can be repeated without them.

A record is one SQLite file. Its table ``answers`` holds, for each request, the SHA-256 of its JSON
(``key``), that JSON (``request``) and what came of it (``outcome``): a completion, or the message
of a ``ChatError`` that was lived with. Several threads and processes may use one file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from teachgym.errors import ChatError, ConfigError
from teachgym.protocols import ChatModel
from teachgym.redaction import hide
from teachgym.settings import checked
from teachgym.types import Completion, Cost, Incident, Messages, Schema

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, outcome TEXT NOT NULL
)
"""
_PATIENCE = 60.0
"""Seconds to wait for others who write to the same file."""
_SHOWN = 100
"""Characters shown of each message of a request that is not in the record."""


class NotRecordedError(ChatError):
    """A request that is not in the replayed record."""


class Recorded:
    """Reads answers from a record, and records new ones.

    Equal requests, of models that are the same in ``identity``, get one and the same answer, with
    the cost and the incidents it had when it was given: an episode that is lived again has the
    same ledger. A call that failed is asked again, unless it was lived with (``lose``): then it
    fails again, for the same reason. Where two ask the same at once, both get the answer that was
    written first.

    Args:
        chat: is asked for what is not in the record; never by ``replay``.
        path: the file; with ``record`` it is made at the first question.
        mode: ``record``; ``replay``: what is not in the record is an error.
        identity: what decides answers besides the request, as plain JSON values; None = the
            model's name.
        prompt: from messages to the text that the model reads, where that is known here: a chat
            template may say more than the messages, such as the date.

    Raises:
        ConfigError: for another mode, or a file that is no record.
    """

    @checked
    def __init__(
        self,
        chat: ChatModel,
        path: Path,
        mode: Literal["record", "replay"] = "record",
        *,
        identity: Mapping[str, Any] | None = None,
        prompt: Callable[[Messages], str] | None = None,
    ) -> None:
        self.chat, self.path, self.mode = chat, Path(path), mode
        self.identity, self._prompt = dict(identity or {"model": chat.name}), prompt
        self._check_file()

    @property
    def name(self) -> str:
        """The name of the model whose answers these are."""
        return self.chat.name

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The recorded answer, or else a new one; see ``protocols.ChatModel``.

        Raises:
            NotRecordedError: when there is none and ``replay`` is on.
            ConfigError: when the file cannot be read or written.
        """
        request = self._request(messages, schema, draw)
        outcome = self._read(request)
        if outcome is None:
            if self.mode == "replay":
                raise NotRecordedError(self._describe(messages, schema, draw))
            outcome = asdict(self.chat.complete(messages, schema, draw=draw))
            del outcome["key"]  # It is that of the request.
            outcome = self._write(request, outcome)
        if "error" in outcome:
            raise ChatError(outcome["error"])
        return replace(_to_completion(outcome), key=_key(request))

    def lose(
        self, error: ChatError, messages: Messages, schema: Schema = None, *, draw: int = 0
    ) -> None:
        """Write a failure down, since the caller goes on without this answer.

        Whoever lives it again then goes on without it, too. Does nothing where there is an answer,
        nor except in mode ``record``.
        """
        if self.mode == "record":
            with suppress(ChatError):  # What cannot even be put to the model fails by itself.
                self._write(self._request(messages, schema, draw), {"error": str(error)})

    def _request(self, messages: Messages, schema: Schema, draw: int) -> str:
        """All that decides an answer, as JSON."""
        contents = [dict(message) for message in messages]
        asked = {"identity": self.identity, "messages": contents, "schema": schema, "draw": draw}
        read = {"prompt": self._prompt(messages)} if self._prompt else {}
        return _to_json(asked | read)

    def _describe(self, messages: Messages, schema: Schema, draw: int) -> str:
        """The error for a request that is not in the record."""
        said = "; ".join(f"{m['role']}: {_shorten(m['content'])}" for m in messages)
        kind = "no schema" if schema is None else "a schema"
        return (
            f"{self.path} has no answer of {self.name} to this request (draw {draw}, {kind}): "
            f"{said}. Run it once with cache 'record' and the same settings: {self.identity}"
        )

    # -- the file ------------------------------------------------------------------------------

    def _check_file(self) -> None:
        """Refuse now what could not be read later."""
        if self.path.exists():
            with self._open() as record:
                record.execute("SELECT key FROM answers LIMIT 1")
        elif self.mode == "replay":
            raise ConfigError(
                f"store is {str(self.path)!r}, which does not exist; record it first (cache "
                "'record')"
            )

    def _read(self, request: str) -> dict[str, Any] | None:
        with self._open() as record:
            return _select(record, _key(request))

    def _write(self, request: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Write an outcome down unless there is one already; the one that is then there."""
        with self._open() as record:
            # Another key than the one in use may ask again: what decides is the request as it is.
            row = (_key(request), hide(request), hide(_to_json(outcome)))
            record.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", row)
            return _select(record, row[0]) or dict(outcome)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The record, with what is done committed at the end.

        A connection is opened for each use: it belongs to one thread and one process. The file
        keeps SQLite's ordinary journal: changing to a write-ahead log, and leaving it with the last
        connection, take locks that SQLite does not wait for, so that clients lost each other.
        """
        try:
            if self.mode == "record":
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as record, record:
                if self.mode == "record":
                    record.execute(_TABLE)
                yield record
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"store is {str(self.path)!r}, which is not a usable record of answers ({error}); "
                "give another file, or delete it"
            ) from error


def read_calls(path: Path) -> dict[str, tuple[Messages, str]]:
    """The messages and the answer of each call in a record, by key; calls that failed are none.

    Raises:
        ConfigError: for a file that is no record.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as record:
            rows = record.execute("SELECT key, request, outcome FROM answers").fetchall()
    except sqlite3.Error as error:
        raise ConfigError(f"{path} is not a usable record of answers ({error})") from error
    found = ((key, json.loads(asked), json.loads(outcome)) for key, asked, outcome in rows)
    return {key: (q["messages"], a["text"]) for key, q, a in found if "error" not in a}


def _select(record: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    row = record.execute("SELECT outcome FROM answers WHERE key = ?", (key,)).fetchone()
    return None if row is None else json.loads(row[0])


def _key(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()


def _to_json(value: Mapping[str, Any]) -> str:
    """Readable JSON, the same for equal values."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # Half a surrogate pair cannot be stored; the escape that replaces it is JSON's own.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _to_completion(outcome: Mapping[str, Any]) -> Completion:
    return Completion(
        outcome["text"],
        Cost(**outcome["cost"]),
        outcome["cut"],
        tuple(Incident(**incident) for incident in outcome["incidents"]),
    )


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
