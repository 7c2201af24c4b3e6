"""A stand-in for a chat model that teaches well, so that teachers can be compared offline.

It knows how to write any exercise of ``arithmetic-and-strings``, and nothing of the student but
what its prompt says. Asked for a plan, it orders exercises of the skills it is shown, in
proportion to how often: mistakes where the prompt has some, else training examples. So the
difference between With State and No State is what the student's errors tell a competent teacher.
Use it as ``--chat python --chat-model teachgym.benchmarks.scripted_teacher:answer``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
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
    """Orders in proportion to how often each skill is shown; what is mistaken counts alone."""
    before, heading, mistakes = question.partition(_MISTAKES)
    shown = Counter(_SHOWN.findall(mistakes if heading else before))
    total = shown.total()
    return [
        {
            "skill": skill,
            "weakness": f"{times} of {total} exercises shown are of this skill",
            "practise": f"exercises of {skill} at every level",
            "count": max(1, round(count * times / total)),
        }
        for skill, times in shown.items()
    ]


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
