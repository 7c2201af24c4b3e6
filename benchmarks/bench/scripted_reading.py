"""Reads the prompts of teachers that ask chat models, for a scripted teacher."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MISTAKES = "Mistakes of the student"
"""Heads the part of a prompt that shows the student's errors."""

_FENCED = r"(`{3,})\n(.*?)\n\1$"
SOLVE = re.compile(
    rf"^Solve this problem, which exercises the skill \S+:\n{_FENCED}", re.MULTILINE | re.DOTALL
)
"""The question for a solution; its second group is the problem."""

MEND = re.compile(
    rf"^Something is wrong in this item for the skill \S+:\n\n`problem`:\n{_FENCED}",
    re.MULTILINE | re.DOTALL,
)
"""The question for a better solution; its second group is the problem."""

_SHOWN = (
    r"^Exercise(?: of the skill (?P<skill>\S+))?:\n(?P<fence>`{3,})\n(?P<problem>.*?)\n(?P=fence)\n"
)
_EXERCISE = re.compile(_SHOWN, re.MULTILINE | re.DOTALL)
_MISTAKE = re.compile(
    _SHOWN + r"The student answered:\n(?P<second>`{3,})\n(?P<response>.*?)\n(?P=second)\n"
    r"Right answer:\n(?P<third>`{3,})\n(?P<target>.*?)\n(?P=third)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """An exercise that the student got wrong."""

    skill: str
    problem: str
    response: str
    target: str
    """The right answer."""


def read_mistakes(question: str) -> Iterator[Mistake]:
    """The student's errors in a prompt, in its order."""
    for found in _MISTAKE.finditer(question.partition(MISTAKES)[2]):
        yield Mistake(_skill(found), found["problem"], found["response"], found["target"])


def read_exercises(question: str) -> Iterator[tuple[str, str]]:
    """Skill and problem of every exercise in a prompt, wrongly answered or not, in its order."""
    for found in _EXERCISE.finditer(question):
        yield _skill(found), found["problem"]


def _skill(found: re.Match[str]) -> str:
    """As the prompt names it, or else the first word of the problem, which is its name."""
    return found["skill"] or found["problem"].partition(" ")[0]


def nearness(mistake: Mistake) -> float:
    """Share of answer and right answer that they have in common, in order, squared; [0.01, 1].

    Squared, so that the near misses count: three quarters right weigh nine times a quarter. No
    mistake weighs nothing, so that a student with hopeless ones alone is taught something.
    """
    matcher = SequenceMatcher(None, mistake.response, mistake.target, autojunk=False)
    return max(matcher.ratio() ** 2, 0.01)


def one_each(mistake: Mistake) -> float:
    """1: every mistake counts the same, whatever was answered."""
    return 1.0
