"""The questions to the chat models of a run, and their answers, for its page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teachgym.chat.cache import read_calls
from teachgym.language.excerpts import cut_middle
from teachgym.report.html.page import Browser
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.shown import in_short
from teachgym.types import Messages

MOST_TOKENS = 5000
"""The most tokens of a text that a page shows, estimated; longer ones are cut in the middle."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a chat model whose answer is in the run's record."""

    step: int
    """Environment step that it was made for, counted from 1."""
    messages: Messages
    reply: str

    __repr__ = in_short


def read_asked(folder: RunFolder, until: int | None = None) -> tuple[Call, ...]:
    """The recorded calls of a run in their order; none if its folder has no record of calls.

    ``until`` leaves out those of later steps, of which a run that is going on has some.

    Raises:
        ConfigError: for a damaged record.
    """
    if not folder.chat.exists():
        return ()
    calls = read_calls(folder.chat)
    steps = (
        line
        for line in Journal(folder.journal).read_steps()
        if until is None or line["step"] <= until
    )
    keys = ((line["step"], key) for line in steps for key in line.get("calls", ()))
    return tuple(Call(step, *calls[key]) for step, key in keys if key in calls)


def call_browser(key: str, calls: Iterable[Call]) -> Browser:
    """A browser of calls: the messages under the names of who says them, and the reply."""
    rows = [[str(c.step), _in_turns(c.messages), cut_middle(c.reply, MOST_TOKENS)] for c in calls]
    return Browser(key, ("step",), ("asked", "reply"), rows)


def _in_turns(messages: Messages) -> str:
    turns = (f"[{m['role']}]\n{cut_middle(m['content'], MOST_TOKENS)}" for m in messages)
    return "\n\n".join(turns)
