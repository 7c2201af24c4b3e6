"""``AnswerStore``: answers on disk, found again by the hash of everything that decides them.

A student's weights, the prompts and the decoder's settings decide its greedy answers. So an
evaluation that was made once, such as that of the untrained student, is not made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from teachgym.cache import write_whole
from teachgym.types import Prompt

logger = logging.getLogger(__name__)

FORMAT = 2
"""Raised whenever equal keys would no longer mean equal answers."""

LIMIT_BYTES = 2**30
"""The most that the files of a store may take up: 1 GiB, tens of thousands of evaluations."""

KEPT_SHARE = 0.9
"""Share of the limit that is left when old entries are thrown out, so that it is rarely done."""


def answers_key(
    fingerprint: str, max_new_tokens: int, prompts: Sequence[Prompt], stop: Sequence[str] = ()
) -> str:
    """The name of a student's greedy answers: 64 hex digits (SHA-256).

    Args:
        fingerprint: of everything in the student that decides its answers.
        max_new_tokens: the longest answer.
        prompts: in order.
        stop: strings before which an answer ends.
    """
    question = {
        "format": FORMAT,
        "student": fingerprint,
        "decoding": {"greedy": True, "max_new_tokens": max_new_tokens, "stop": list(stop)},
        "prompts": [prompt.identity for prompt in prompts],
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class AnswerStore:
    """A folder with one JSON file per evaluation: ``{"key", "answers", "checksum"}``.

    Files are written as a whole, so several processes may share a folder. A damaged one is
    reported through ``logging`` and counts as missing, and a disk that refuses to be written to
    costs time, never the experiment.

    Args:
        folder: made when there is something to write.
        limit_bytes: above it, the entries that have not been used for longest are removed. Each
            process counts what it has found and written itself.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        self._size: int | None = None

    def get(self, key: str, count: int) -> list[str] | None:
        """The ``count`` answers under ``key``; None if they are missing or damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # Used just now: among the last to be thrown out.
        answers = _read(content, key, count)
        if answers is None:
            logger.warning("%s is damaged or not what its name says; answering anew", path)
        return answers

    def put(self, key: str, answers: Sequence[str]) -> None:
        """Keep ``answers`` under ``key``."""
        entry = {"key": key, "answers": list(answers), "checksum": _checksum(key, answers)}
        try:
            write_whole(self._path(key), content := json.dumps(entry).encode())
            self._make_room(len(content))
        except OSError as error:
            logger.warning("the answers are not remembered: %s", error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _make_room(self, written: int) -> None:
        """Remove the oldest entries, by time of last use, once the limit is passed."""
        if self._size is not None and self._size + written <= self.limit_bytes:
            self._size += written
            return
        entries = sorted(_entries(self.folder))
        self._size = sum(size for _, size, _ in entries)
        if self._size <= self.limit_bytes:
            return
        for _, size, path in entries:
            if self._size <= KEPT_SHARE * self.limit_bytes:
                break
            path.unlink(missing_ok=True)
            self._size -= size


def _entries(folder: Path) -> list[tuple[int, int, Path]]:
    """Time of last use in nanoseconds, size in bytes and path of every file of a store."""
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # Another process may just have removed it.
            status = path.stat()
            if path.suffix in (".json", ".tmp"):
                found.append((status.st_mtime_ns, status.st_size, path))
    return found


def _checksum(key: str, answers: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([key, list(answers)]).encode()).hexdigest()


def _read(content: bytes, key: str, count: int) -> list[str] | None:
    """The answers in a file's content, if it is whole and holds ``count`` answers of ``key``."""
    try:
        entry = json.loads(content)
        answers: list[str] = entry["answers"]
        sound = entry["key"] == key and entry["checksum"] == _checksum(key, answers)
    except (ValueError, KeyError, TypeError):
        return None
    return answers if sound and len(answers) == count else None
