"""The sentences of word problems: their words, calculations and effects.

A table of one line per skill. A sentence reads how many things somebody has and says how many the
same or another person has then. In its wordings ``{a}``, ``{b}`` and ``{c}`` stand for people,
``{t}`` and ``{u}`` for things, ``{n}`` and ``{m}`` for numbers and ``{f}`` for a fraction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from operator import add, floordiv, mul, sub
from typing import Literal

PARTS: Mapping[str, str] = {
    "a": "[A-Z][a-z]+",
    "b": "[A-Z][a-z]+",
    "c": "[A-Z][a-z]+",
    "t": "[a-z]+",
    "u": "[a-z]+",
    "n": "[0-9]+",
    "m": "[0-9]+",
    "f": "half|third|quarter|fifth",
}
"""The texts that may stand in each place of a wording, as regular expressions."""
FRACTIONS: Mapping[int, str] = {2: "half", 3: "third", 4: "quarter", 5: "fifth"}
"""A number n, and the word for one part in n."""

_SIGNS = {"+": add, "-": sub, "*": mul, "/": floordiv}
_AMOUNTS, _TIMES, _PEOPLE = range(2, 31), range(2, 7), range(2, 6)


@dataclass(frozen=True)
class Rule:
    """A skill with the wordings and the calculation of its sentence."""

    name: str
    root: str
    """The root skill it is a subskill of."""
    description: str
    wordings: tuple[str, ...]
    steps: tuple[str, ...]
    """Calculations, such as ``x-n``. x is what a has, y what b has, q and p are x / n
    rounded down and up, s is the side of the largest square of x things, r the result of the step
    before; that of the last step is what the sentence leads to."""
    n: Sequence[int] = _AMOUNTS
    m: Sequence[int] = (1,)
    """The range that the numbers are drawn from."""
    to: Literal["a", "b", "c"] = "a"
    """The person who has the result."""

    @cached_property
    def forms(self) -> tuple[re.Pattern[str], ...]:
        """The wordings as patterns of whole sentences."""
        return tuple(map(pattern_of, self.wordings))

    @cached_property
    def needs_two(self) -> bool:
        """Whether it needs the number of a second person."""
        return any("y" in step for step in self.steps)

    def calculate(self, x: int, n: int, m: int = 1, y: int = 0) -> tuple[str, ...] | None:
        """The calculations, such as ``12-5=7``; None if a result is below 1 or not whole.

        Example:
            >>> next(r for r in RULES if r.name == "rest").calculate(17, 5)
            ('3*5=15', '17-15=2')
        """
        known = {"x": x, "n": n, "m": m, "y": y, "100": 100, "2": 2}
        known |= {"q": x // n, "p": -(-x // n), "s": isqrt(x)}
        found = []
        for first, sign, second in self._calculations:
            left, right = known[first], known[second]
            result = _SIGNS[sign](left, right)
            if result < 1 or (sign == "/" and left % right):
                return None
            known["r"] = result
            found.append(f"{left}{sign}{right}={result}")
        return tuple(found)

    @cached_property
    def _calculations(self) -> tuple[tuple[str, str, str], ...]:
        """The steps, each as what stands before the sign, the sign, and what stands after it."""
        return tuple((step[0], step[1], step[2:]) for step in self.steps)


def pattern_of(wording: str) -> re.Pattern[str]:
    """A pattern with a named group for each place of a wording."""
    pieces = re.split(r"\{([a-z])\}", wording)
    return re.compile(
        "".join(
            f"(?P<{piece}>{PARTS[piece]})" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        )
    )


ROOTS: Mapping[str, str] = {
    "changing": "what somebody has becomes more or less",
    "comparing": "somebody has more or less than another, told of the one to be found",
    "reversing": "somebody has more or less than another, told of the one that is known",
    "combining": "put together what two people have, or find what is missing",
    "repeating": "the same amount several times, then more or less by it",
    "trading": "things become other things",
    "parts": "leave a part of what there is",
    "packing": "make equal groups as far as the things go",
}
"""Root skills with what their subskills have in common."""

RULES: tuple[Rule, ...] = (
    Rule("get", "changing", "somebody gets more",
         ("{a} gets {n} more {t}.", "{a} finds {n} {t}."), ("x+n",)),
    Rule("lose", "changing", "somebody has to do without some",
         ("{n} {t} of {a} get lost.", "A thief takes {n} {t} from {a}."), ("x-n",)),
    Rule("grow", "changing", "what somebody has is multiplied",
         ("Soon {a} has {n} times as many {t}.", "The {t} of {a} become {n} times as many."),
         ("x*n",), _TIMES),
    Rule("split", "changing", "somebody keeps one of several equal shares",
         ("{a} splits the {t} into {n} equal piles and keeps one.",
          "{a} shares the {t} equally, {n} people in all."),
         ("x/n",), _TIMES),
    Rule("more", "comparing", "the other has so many more",
         ("{b} has {n} more {t} than {a}.",), ("x+n",), to="b"),
    Rule("fewer", "comparing", "the other has so many fewer",
         ("{b} is {n} {t} short of what {a} has.",), ("x-n",), to="b"),
    Rule("times", "comparing", "the other has so many times as many",
         ("{b} has {n} times as many {t} as {a}.",), ("x*n",), _TIMES, to="b"),
    Rule("fraction", "comparing", "the other has a half, a third, a quarter or a fifth as many",
         ("{b} makes do with a {f} of what {a} has in {t}.",), ("x/n",), tuple(FRACTIONS), to="b"),
    Rule("above", "reversing", "the one that is known has so many more",
         ("With {n} {t} on top, {b} would have as many as {a}.",), ("x-n",), to="b"),
    Rule("below", "reversing", "the one that is known has so many fewer",
         ("Were {n} {t} of {b} gone, {a} would have as many.",), ("x+n",), to="b"),
    Rule("multiple", "reversing", "the one that is known has so many times as many",
         ("It takes {n} people like {b} to match {a} in {t}.",), ("x/n",), _TIMES, to="b"),
    Rule("portion", "reversing",
         "the one that is known has a half, a third, a quarter or a fifth as many",
         ("All that {a} has is a {f} of the {t} of {b}.",), ("x*n",), tuple(FRACTIONS), to="b"),
    Rule("together", "combining", "as many as two people have together",
         ("{c} has as many {t} as {a} and {b} together.",), ("x+y",), to="c"),
    Rule("mean", "combining", "half of what two people have together",
         ("Sharing their {t} evenly, {a} and {b} would each be like {c}.",),
         ("x+y", "r/2"), to="c"),
    Rule("missing", "combining", "what is missing to a number",
         ("{a} needs {n} {t}, and {b} has just what is missing.",),
         ("n-x",), range(10, 100), to="b"),
    Rule("bags", "repeating", "several bags of as many are added",
         ("{a} buys {n} bags with {m} {t} each.", "{a} picks {m} {t} a day for {n} days."),
         ("n*m", "x+r"), _PEOPLE, range(2, 10)),
    Rule("guests", "repeating", "several people get as many each",
         ("Each of {n} guests takes {m} {t} from {a}.", "{n} fines of {m} {t} hit {a}."),
         ("n*m", "x-r"), _PEOPLE, range(2, 10)),
    Rule("spare", "parts", "what is left when a half, a third, a quarter or a fifth goes",
         ("Of the {t} of {a}, a {f} must go.",), ("x/n", "x-r"), tuple(FRACTIONS)),
    Rule("percent", "parts", "so many percent are kept",
         ("{a} keeps {n} percent of the {t}.",), ("x*n", "r/100"), (10, 20, 25, 50, 75)),
    Rule("swap", "trading", "several new things for each",
         ("{a} swaps each of the {t} for {n} {u}.",), ("x*n",), _TIMES),
    Rule("trade", "trading", "several new things for every few",
         ("For every {n} {t}, a dealer pays {a} {m} {u}.",), ("x/n", "r*m"), _TIMES, range(2, 6)),
    Rule("rest", "packing", "what is left when boxes are filled",
         ("{a} fills boxes of {n} {t} and keeps the rest.",), ("q*n", "x-r"), range(3, 10)),
    Rule("gap", "packing", "what is missing in the last tray when trays are filled",
         ("The last tray of {n} {t} of {a} is not full, and {b} can just fill it.",),
         ("p*n", "r-x"), range(3, 10), to="b"),
    Rule("square", "packing", "what is left beside the largest square",
         ("{a} lays the largest square of {t} and picks up the others.",), ("s*s", "x-r")),
)  # fmt: skip
"""Skills in the order of every report."""
