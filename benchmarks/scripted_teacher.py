"""A stand-in for a chat model that teaches well, so that teachers can be compared offline.

It knows how to write any exercise of ``arithmetic-and-strings``, and nothing of the student but
what its prompt says. Asked for a plan, it reads the student's mistakes like a teacher: an answer
that is nearly right is within reach, one that has nothing of the right answer is not. It orders
exercises of each skill in proportion to how near its mistakes are, all added up. Shown no mistakes
but training examples, it has nothing to go by but how often each skill is shown. So the difference
between With State and No State is what the student's errors tell a competent teacher.
Use it as ``--chat python --chat-model teachgym.benchmarks.scripted_teacher:answer``.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np

from teachgym.chat.prompts import Messages
from teachgym.engines.orders import leaves_under
from teachgym.errors import ChatError
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings

_MISTAKES = "Mistakes of the student"
_SHOWN = re.compile(r"^Exercise of the skill (\S+):$", re.MULTILINE)
_MISTAKE = re.compile(
    r"^Exercise of the skill (?P<skill>\S+):\n(`{3,})\n.*?\n\2\n"
    r"The student answered:\n(`{3,})\n(?P<response>.*?)\n\3\n"
    r"Right answer:\n(`{3,})\n(?P<target>.*?)\n\5$",
    re.MULTILINE | re.DOTALL,
)
_WANTED = re.compile(r"^Plan (\d+) (?:more )?training examples", re.MULTILINE)
_ORDER = re.compile(r"^Write (\d+) new items? for this skill: (\S+)$", re.MULTILINE)


def answer(messages: Messages, schema: Mapping[str, Any] | None, draw: int) -> str:
    """The reply to a question of the Open-Ended teacher or its writer.

    Raises:
        ChatError: for any other question.
    """
    question = messages[-1]["content"]
    if order := _ORDER.search(question):
        items = _write(int(order[1]), order[2], _generator(question, draw), question)
    elif wanted := _WANTED.search(question):
        items = _plan(int(wanted[1]), question)
    else:
        raise ChatError(f"the scripted teacher has no answer to {question[:200]!r}")
    return json.dumps({"items": items})


def _plan(count: int, question: str) -> list[dict[str, Any]]:
    """Orders in proportion to how near the mistakes are, or else to how often a skill is shown."""
    weights: defaultdict[str, float] = defaultdict(float)
    for mistake in _MISTAKE.finditer(question.partition(_MISTAKES)[2]):
        weights[mistake["skill"]] += _nearness(mistake["response"], mistake["target"])
    reason = "answers that are nearly right, added up"
    if not weights:
        weights.update(Counter(_SHOWN.findall(question)))
        reason = "exercises shown"
    total = sum(weights.values())
    return [
        {
            "skill": skill,
            "weakness": f"{weight:.1f} of {total:.1f} {reason}",
            "practise": f"exercises of {skill} at every level",
            "count": round(count * weight / total),
        }
        for skill, weight in weights.items()
    ]


def _nearness(response: str, target: str) -> float:
    """Share of both texts that they have in common, in order, squared; in [0.01, 1].

    Squared, so that the near misses count: three quarters right weigh nine times a quarter. No
    mistake weighs nothing, so that a student with hopeless ones alone is taught something.
    """
    common = SequenceMatcher(None, response, target, autojunk=False).ratio()
    return max(common**2, 0.01)


def _write(count: int, skill: str, rng: np.random.Generator, question: str) -> list[dict[str, Any]]:
    """``count`` right examples of any level, none of which the question shows.

    Of a root skill: of all its leaves.
    """
    items: dict[str, dict[str, Any]] = {}
    leaves = _leaves()[skill]
    for _ in range(20 * count):
        example = _task().make(leaves[rng.integers(len(leaves))], None, rng)
        if example.prompt not in question:
            items[example.prompt] = {"problem": example.prompt, "answer": example.target}
        if len(items) == count:
            break
    return list(items.values())


def _generator(question: str, draw: int) -> np.random.Generator:
    digest = sha256(f"{draw} {question}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@cache
def _leaves() -> Mapping[str, tuple[str, ...]]:
    return leaves_under(_task().skills)


@cache
def _task() -> ArithmeticAndStrings:
    return ArithmeticAndStrings()
