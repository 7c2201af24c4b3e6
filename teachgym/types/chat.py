"""Data exchanged with chat models: answers, incidents, drafts of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.shown import in_short
from teachgym.types.costs import Cost

Messages = Sequence[Mapping[str, str]]
"""A conversation with a chat model: ``role`` and ``content`` of each message."""

Schema = Mapping[str, Any] | None
"""The JSON schema of a chat model's answer; None = free text."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An event that costs do not show: a retry, an unreadable reply, an evaluation cut short."""

    event: str
    """A short name that is counted, e.g. ``retry`` or ``malformed``."""
    detail: str = ""
    """One line for people: what was asked of whom, and what came back."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat model's answer."""

    text: str
    cost: Cost
    """Teacher calls, tokens and dollars."""
    cut: bool = False
    """Whether a limit of length ended the answer."""
    incidents: tuple[Incident, ...] = ()
    """Events on the way to it, such as retries."""
    key: str = ""
    """The key of the record that it is in, by which a journal names the call; empty = in none."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Brief:
    """The knowledge of a task that a writer needs, as fragments of prompts.

    The one thing in which domains differ; prompts, engines and teachers are the same for all.
    """

    domain: str
    """The kind of problems, for "You write ...", e.g. ``competition mathematics problems``."""
    problem: str
    """Instruction for the text of a problem."""
    solution: str
    """Instruction for a worked solution; empty where the answer says it all."""
    answer: str
    """Instruction for the form of the final answer."""
    tests: str = ""
    """Instruction for the tests of a problem, by which answers are graded; empty = it has none."""

    __repr__ = in_short


PLAIN = Brief(
    domain="exercises",
    problem="The exact text the student is shown, in the format of the examples.",
    solution="",
    answer="The exact text the student should answer, and nothing else.",
)
"""The brief of tasks without one: prompts and targets are written as they are."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A writer's example before the task gives it the form that students see."""

    problem: str
    answer: str
    """The final answer alone, as the grader reads it."""
    solution: str = ""
    """The way to the answer; empty = none."""
    rejected: str = ""
    """A wrong or worse solution to learn from by contrast; empty = none."""
    tests: str = ""
    """The tests of the problem; empty = none."""

    __repr__ = in_short
