"""A chat model for tests of skills: reads the prompt and answers by the rules it is given."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from teachgym.chat.scripted import Scripted
from teachgym.types import Messages

Items = list[dict[str, Any]]


def reply(items: Items) -> str:
    """A well-formed reply."""
    return json.dumps({"items": items})


def problems(messages: Messages) -> list[str]:
    """The numbered problems of a labelling or classifying prompt."""
    return re.findall(r"Problem \d+:\n```\n(.*?)\n```", messages[-1]["content"], re.DOTALL)


def listed(messages: Messages) -> list[str]:
    """The lines of the first fence of a prompt, each up to its bar."""
    block = re.search(r"```\n(.*?)\n```", messages[-1]["content"], re.DOTALL)
    assert block is not None
    return [line.partition(" | ")[0] for line in block[1].splitlines()]


def kind_of(messages: Messages) -> str:
    """Which prompt it is: label, aggregate, classify or propose."""
    text = messages[1]["content"]
    marks = {
        "Group them into": "aggregate",
        "choose the one skill": "classify",
        "name the one skill": "label",
        "new subskill": "propose",
    }
    return next(kind for mark, kind in marks.items() if mark in text)


@dataclass
class ByPrompt:
    """Answers by the kind of the prompt, and counts what it was asked."""

    rules: Mapping[str, Callable[[Messages, int], str]]
    """Kind of prompt to what is answered to its messages and draw."""
    asked: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """All the text that it was shown."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def chat(self) -> Scripted:
        """The chat model."""
        return Scripted(self._answer)

    def _answer(self, messages: Messages, schema: Mapping[str, Any] | None, draw: int) -> str:
        kind = kind_of(messages)
        with self.lock:
            self.asked.append(kind)
            self.seen.extend(m["content"] for m in messages)
        return self.rules[kind](messages, draw)


def numbered(names: Sequence[str]) -> str:
    """A reply with a name for each problem, in order."""
    return reply([{"number": i, "skill": name} for i, name in enumerate(names, 1)])
