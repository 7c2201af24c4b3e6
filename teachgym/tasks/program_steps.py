"""The language of ``programs``: steps with a few words and a line of Python each.

A program is one to three steps, each on the result of the one before. Skills are in the order in
which they build on each other: beside a step of its own skill, a program has steps of it and of
skills before it alone, so its skill is the last that its words name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

Type = Literal["number", "numbers", "text"]
Function = Callable[[Any], Any]

ROOTS = {
    "numbers": "Calculate with one whole number.",
    "lists": "Change a list of whole numbers, or make one number of it.",
    "texts": "Change a text, or make a number of it.",
}
SKILLS = {
    "arithmetic": ("numbers", "Add, subtract, multiply."),
    "division": ("numbers", "Quotients, remainders and multiples."),
    "digits": ("numbers", "Work on the digits of a number."),
    "branch": ("numbers", "Do one thing or another, by a condition."),
    "loop": ("numbers", "Repeat until something holds, or for each number up to one."),
    "map": ("lists", "Do the same to each number."),
    "slice": ("lists", "Take a part of the list, by position."),
    "filter": ("lists", "Keep the numbers that meet a condition."),
    "reduce": ("lists", "Make one number of all."),
    "sort": ("lists", "Put the numbers into an order."),
    "scan": ("lists", "Combine neighbours, or all numbers so far."),
    "find": ("lists", "Say where something is, or how often."),
    "order": ("texts", "Reverse, repeat, or take a part."),
    "case": ("texts", "Change capitals and small letters."),
    "letters": ("texts", "Replace, remove or double letters."),
    "words": ("texts", "Work on the words of a text."),
    "tally": ("texts", "Count letters or words."),
}
"""Leaf skill to its root and its description; each builds on those before it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A step with places for a number ``{k}`` and a letter ``{c}``."""

    skill: str
    takes: Type
    gives: Type
    words: str
    code: str
    """The change of ``x``: an expression, or a statement that changes ``x``."""


@dataclass(frozen=True, slots=True)
class Step:
    """A pattern with its places filled."""

    pattern: Pattern
    number: int
    letter: str

    @property
    def words(self) -> str:
        """The step in words."""
        return self.pattern.words.format(k=self.number, c=self.letter)

    @property
    def code(self) -> str:
        """The step as a line of Python."""
        return self.pattern.code.format(k=self.number, c=self.letter)

    @property
    def function(self) -> Function:
        """The step as a function in this process; its text comes from this module."""
        return _function(self.code)


_STEPS: Mapping[tuple[str, Type, Type], Mapping[str, str]] = {
    ("arithmetic", "number", "number"): {
        "add {k}": "x+{k}",
        "subtract {k}": "x-{k}",
        "multiply by {k}": "x*{k}",
        "take it from 100": "100-x",
        "square it": "x*x",
    },
    ("division", "number", "number"): {
        "divide by {k}, rounding down": "x//{k}",
        "take the remainder by {k}": "x%{k}",
        "round down to a multiple of {k}": "x//{k}*{k}",
        "round up to a multiple of {k}": "-(-x//{k})*{k}",
    },
    ("digits", "number", "number"): {
        "sum its digits": "sum(map(int,str(x)))",
        "reverse its digits": "int(str(x)[::-1])",
        "take its largest digit": "int(max(str(x)))",
        "count its digits": "len(str(x))",
        "drop its last digit": "x//10",
    },
    ("branch", "number", "number"): {
        "halve it if even, else add {k}": "x//2 if x%2==0 else x+{k}",
        "double it if below {k}0": "x*2 if x<{k}0 else x",
        "make it {k}0 if above": "min(x,{k}0)",
        "if a multiple of {k} make it 0": "0 if x%{k}==0 else x",
        "1 if above {k}0, else 0": "int(x>{k}0)",
    },
    ("loop", "number", "number"): {
        "halve until odd": "while x and x%2==0:x//=2",
        "subtract {k} until below 10": "while x>=10:x-={k}",
        "sum its digits until one is left": "while x>9:x=sum(map(int,str(x)))",
        "sum the numbers up to it": "sum(range(x+1))",
        "count its divisors": "sum(x%n==0 for n in range(1,x+1))",
        "count halvings until 0": "x.bit_length()",
    },
    ("map", "numbers", "numbers"): {
        "add {k} to each": "[n+{k} for n in x]",
        "multiply each by {k}": "[n*{k} for n in x]",
        "square each": "[n*n for n in x]",
        "take each one's remainder by {k}": "[n%{k} for n in x]",
    },
    ("slice", "numbers", "numbers"): {
        "take the first 2": "x[:2]",
        "drop the first": "x[1:]",
        "drop the last": "x[:-1]",
        "take the last 2": "x[-2:]",
        "take every second": "x[::2]",
        "reverse the list": "x[::-1]",
    },
    ("filter", "numbers", "numbers"): {
        "keep the even ones": "[n for n in x if n%2==0]",
        "keep the odd ones": "[n for n in x if n%2]",
        "keep those above {k}": "[n for n in x if n>{k}]",
        "keep those below {k}": "[n for n in x if n<{k}]",
        "drop multiples of {k}": "[n for n in x if n%{k}]",
    },
    ("reduce", "numbers", "number"): {
        "sum them": "sum(x)",
        "count them": "len(x)",
        "take the largest": "max(x)",
        "take the smallest": "min(x)",
        "largest minus smallest": "max(x)-min(x)",
    },
    ("sort", "numbers", "numbers"): {
        "sort": "sorted(x)",
        "sort downwards": "sorted(x)[::-1]",
        "sort by last digit": "sorted(x,key=lambda n:n%10)",
        "sort without repeats": "sorted(set(x))",
    },
    ("scan", "numbers", "numbers"): {
        "running totals": "[sum(x[:i+1]) for i in range(len(x))]",
        "differences of neighbours": "[b-a for a,b in zip(x,x[1:])]",
        "sums of neighbours": "[a+b for a,b in zip(x,x[1:])]",
        "larger of neighbours": "[max(p) for p in zip(x,x[1:])]",
    },
    ("find", "numbers", "number"): {
        "position of the largest": "x.index(max(x))",
        "position of the smallest": "x.index(min(x))",
        "count those above {k}": "sum(n>{k} for n in x)",
        "second largest": "sorted(x)[-2]",
    },
    ("case", "text", "text"): {
        "to capitals": "x.upper()",
        "to small letters": "x.lower()",
        "swap the case": "x.swapcase()",
        "capitalise words": "x.title()",
    },
    ("order", "text", "text"): {
        "reverse the text": "x[::-1]",
        "every second letter": "x[::2]",
        "repeat it twice": "x*2",
        "without the first letter": "x[1:]",
        "without the last letter": "x[:-1]",
        "move the first letter to the end": "x[1:]+x[0]",
    },
    ("letters", "text", "text"): {
        "replace {c} by z": "x.replace('{c}','z')",
        "remove every {c}": "x.replace('{c}','')",
        "remove a and e": "''.join(c for c in x if c not in 'ae')",
        "double every letter": "''.join(c*2 for c in x)",
        "sort the letters": "''.join(sorted(x))",
    },
    ("words", "text", "text"): {
        "reverse the words' order": "' '.join(x.split()[::-1])",
        "reverse each word": "' '.join(w[::-1] for w in x.split())",
        "first letter of each word": "''.join(w[0] for w in x.split())",
        "take the longest word": "max(x.split(),key=len)",
        "sort the words": "' '.join(sorted(x.split()))",
        "join the words with -": "'-'.join(x.split())",
    },
    ("tally", "text", "number"): {
        "count {c}": "x.count('{c}')",
        "count its letters": "len(x)",
        "count its words": "len(x.split())",
        "count different letters": "len(set(x))",
        "length of the longest word": "max(map(len,x.split()))",
    },
}
"""Words and code of steps, by skill, what they take and what they give."""
PATTERNS = tuple(
    Pattern(*kind, words, code) for kind, rows in _STEPS.items() for words, code in rows.items()
)

JOINT = ", then "
NUMBERS = range(2, 10)
LETTERS = "abcde"


def sentence(steps: Sequence[Step]) -> str:
    """The steps in words."""
    return JOINT.join(step.words for step in steps)


def source(steps: Sequence[Step]) -> str:
    """The source of the function ``f`` with a line for each step."""
    return _source([step.code for step in steps])


def _source(codes: Sequence[str]) -> str:
    *first, last = codes
    lines = [code if _is_statement(code) else f"x={code}" for code in first]
    lines += [last, "return x"] if _is_statement(last) else [f"return {last}"]
    return "\n ".join(["def f(x):", *lines])


def read_sentence(text: str) -> tuple[Step, ...] | None:
    """The steps in a sentence; None if it is not of this language.

    Example:
        >>> [step.code for step in read_sentence("keep those above 3, then sum them")]
        ['[n for n in x if n>3]', 'sum(x)']
    """
    steps = [_read_step(words) for words in text.split(JOINT)]
    return None if None in steps else tuple(step for step in steps if step is not None)


def skill_of(steps: Sequence[Step]) -> str:
    """The skill of a program: the last one among those of its steps."""
    names = list(SKILLS)
    return max((step.pattern.skill for step in steps), key=names.index)


@cache
def _function(code: str) -> Function:
    space: dict[str, Any] = {}
    exec(_source([code]), space)
    function: Function = space["f"]
    return function


@cache
def _read_step(words: str) -> Step | None:
    for pattern in PATTERNS:
        form = re.escape(pattern.words).replace(r"\{k\}", r"([2-9])").replace(r"\{c\}", "([a-e])")
        if match := re.fullmatch(form, words):
            (place,) = match.groups() or ("",)
            return Step(pattern, int(place) if place.isdigit() else 0, place)
    return None


def _is_statement(code: str) -> bool:
    return code.startswith("while ")
