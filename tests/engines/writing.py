"""What the tests of writers share: a chat model that is a function, and a ledger that pays."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from teachgym.chat.scripted import Scripted
from teachgym.chat.structured import StructuredChat
from teachgym.engines.writer import Writer, WriterSettings
from teachgym.errors import ConfigError
from teachgym.ledger import Ledger
from teachgym.protocols import Task
from teachgym.syllabus import Syllabus
from teachgym.testing import ToyTask
from teachgym.testing.toy import solve
from teachgym.types import Brief, Budget, Data, Draft, Example, Messages, Order

Item = Mapping[str, Any]


def items(*given: Item) -> str:
    """A reply with these items."""
    return json.dumps({"items": given})


def reverse(word: str, answer: str | None = None) -> dict[str, str]:
    """A problem of skill ``reverse`` with its answer, which is right unless given."""
    return {"problem": f"reverse: {word}", "answer": word[::-1] if answer is None else answer}


def is_write(text: str) -> bool:
    """Whether a prompt asks for problems, and not for a solution."""
    return text.startswith("Write ")


def wanted(text: str) -> int:
    """How many items a prompt asks for."""
    return int(re.findall(r"Write (\d+) new", text)[0])


def solved(text: str) -> str:
    """The problem that a prompt asks to solve."""
    return re.findall(r"Solve this problem.*\n```\n(.*)\n```", text)[0]


@dataclass
class Desk:
    """A writer of ``task`` at a chat model that answers by ``answer(text of the question, n)``.

    ``n`` numbers the calls from 0; with one worker that is the order of the questions.
    """

    answer: Callable[[str, int], str]
    task: Task = field(default_factory=ToyTask)
    budget: Budget = field(default_factory=Budget)
    workers: int = 1
    asked: list[Messages] = field(default_factory=list)
    draws: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.budget)
        self._lock = Lock()

    def write(self, *orders: Order, seed: int = 0, **settings: Any) -> Data:
        """What a writer makes of the orders."""
        return self.writer(**settings).write(orders, np.random.default_rng(seed))

    def writer(self, **settings: Any) -> Writer:
        """A writer with these settings."""
        asker = StructuredChat(Scripted(self._complete), self.ledger, workers=self.workers)
        return Writer(Syllabus.of(self.task), asker, WriterSettings(**settings))

    @property
    def prompts(self) -> list[str]:
        """The text of each question, system message left out."""
        return [messages[1]["content"] for messages in self.asked]

    @property
    def incidents(self) -> Counter[str]:
        """Incidents by event."""
        return Counter(incident.event for incident in self.ledger.incidents)

    def _complete(self, messages: Messages, schema: Mapping[str, Any] | None, draw: int) -> str:
        with self._lock:
            number = len(self.asked)
            self.asked.append(messages)
            self.draws.append(draw)
        return self.answer(messages[1]["content"], number)


class WorkedTask(ToyTask):
    """``ToyTask`` with worked solutions: "... So 13." is a target, and 013 equals 13."""

    name = "worked-v0"
    brief = Brief("number puzzles", "The PROBLEM.", "The SOLUTION.", "The ANSWER.")

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The solution with the answer behind it, which must be a number."""
        if not draft.answer.isdigit():
            raise ConfigError(f"answer is {draft.answer!r}; it must be a number")
        target = f"{draft.solution} So {draft.answer}."
        return Example(f"{draft.problem} Show your work.", target, skill, difficulty=difficulty)

    def grade(self, example: Example, response: str) -> float:
        """1 for the target's number, nan for none."""
        found = re.search(r"So (\d+)\.$", response)
        right = re.search(r"So (\d+)\.$", example.target)
        if found is None or right is None:
            return math.nan
        return float(int(found[1]) == int(right[1]))

    def verify(self, example: Example) -> float:
        """Whether the target is what the rule of the skill gives."""
        problem = example.prompt.removesuffix(" Show your work.")
        return self.grade(example, f"So {solve(problem)}.")


def worked(number: int, answer: object = None, **more: object) -> dict[str, object]:
    """A problem of skill ``next`` with its solution."""
    answer = number + 1 if answer is None else answer
    return {"problem": f"next: {number}", "solution": "Add 1.", "answer": answer, **more}
