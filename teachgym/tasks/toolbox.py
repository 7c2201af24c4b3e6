"""A few small tools over texts, numbers and lists of numbers, with types; they really run.

What a tool gives can be what another takes, so the types make a graph of tools. Whatever it is
given, a tool ends at once: it refuses what is of another type, too long or too large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, Literal

from teachgym.errors import TeachgymError, unknown
from teachgym.shown import shown

Kind = Literal["text", "int", "list"]
Value = str | int | list[int]

MOST_CHARACTERS = 200
MOST_NUMBERS = 200
LARGEST = 10**9

_NUMERALS = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")),
    *((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)


class ToolError(TeachgymError, ValueError):
    """An error of a tool that does not exist or cannot use its input."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A pure function with the types of its inputs and its output."""

    name: str
    takes: tuple[tuple[str, Kind], ...]
    """Name and type of each argument; the first is what the tool works on."""
    gives: Kind
    run: Callable[..., Value]
    """Called with the arguments in their order.

    Raises:
        ToolError: for what it cannot work on.
    """
    description: str

    @property
    def signature(self) -> str:
        """The signature of the tool for people and chat models.

        Example:
            >>> TOOLS["repeat"].signature
            'repeat(text: text, n: int) -> text: the text several times'
        """
        takes = ", ".join(f"{name}: {kind}" for name, kind in self.takes)
        return f"{self.name}({takes}) -> {self.gives}: {self.description}"


def call(name: object, args: Mapping[str, Any]) -> Value:
    """Call a tool and return its output.

    Raises:
        ToolError: for a tool that is not there, arguments that are not its own, of another type,
            too long or too large, and for what it cannot work on.

    Example:
        >>> call("repeat", {"text": "ab", "n": 3})
        'ababab'
        >>> call("repeat", {"text": "ab", "n": "3"})
        Traceback (most recent call last):
        ...
        teachgym.tasks.toolbox.ToolError: n of repeat must be a whole number, not '3'
    """
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise ToolError(unknown("tool", name, TOOLS))
    if set(args) != {argument for argument, _ in tool.takes}:
        raise ToolError(f"{tool.name} takes {' and '.join(a for a, _ in tool.takes)}")
    for argument, kind in tool.takes:
        if (rule := _broken_rule(kind, args[argument])) is not None:
            given = shown(args[argument], 40)
            raise ToolError(f"{argument} of {tool.name} must be {rule}, not {given}")
    found = tool.run(*(args[argument] for argument, _ in tool.takes))
    if (rule := _broken_rule(tool.gives, found)) is not None:
        raise ToolError(f"what {tool.name} gives must be {rule}")
    return found


def _broken_rule(kind: Kind, value: Any) -> str | None:
    """The rule of a kind that a value breaks; None = none."""
    if kind == "text":
        if not isinstance(value, str):
            return "a text"
        return None if len(value) <= MOST_CHARACTERS else f"at most {MOST_CHARACTERS} characters"
    if kind == "int":
        if not _is_number(value):
            return "a whole number"
        return None if abs(value) <= LARGEST else f"between -{LARGEST} and {LARGEST}"
    if not isinstance(value, list) or not all(map(_is_number, value)):
        return "a list of whole numbers"
    if len(value) > MOST_NUMBERS or any(abs(number) > LARGEST for number in value):
        return f"at most {MOST_NUMBERS} numbers up to {LARGEST}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _repeat(text: str, number: int) -> str:
    if not 0 <= number <= MOST_CHARACTERS:
        raise ToolError(f"n of repeat must be 0 to {MOST_CHARACTERS}, not {number}")
    return text * number


def _codes(text: str) -> list[int]:
    if not all(letter in ascii_lowercase for letter in text.lower()):
        raise ToolError(f"text of codes must be letters a to z, not {shown(text, 40)}")
    return [ascii_lowercase.index(letter) + 1 for letter in text.lower()]


def _roman(number: int) -> str:
    if not 1 <= number <= 3999:
        raise ToolError(f"n of roman must be 1 to 3999, not {number}")
    found = ""
    for size, letters in _NUMERALS:
        times, number = divmod(number, size)
        found += letters * times
    return found


def _max(numbers: list[int]) -> int:
    if not numbers:
        raise ToolError("list of max must have a number")
    return max(numbers)


def _tools(*tools: Tool) -> Mapping[str, Tool]:
    return {tool.name: tool for tool in tools}


_TEXT: tuple[tuple[str, Kind], ...] = (("text", "text"),)
_NUMBER: tuple[tuple[str, Kind], ...] = (("n", "int"),)
_LIST: tuple[tuple[str, Kind], ...] = (("list", "list"),)

TOOLS: Mapping[str, Tool] = _tools(
    Tool("reverse", _TEXT, "text", lambda text: text[::-1], "the text from back to front"),
    Tool("upper", _TEXT, "text", str.upper, "the text in capitals"),
    Tool(
        "join",
        (*_TEXT, ("other", "text")),
        "text",
        lambda text, other: text + other,
        "the text with another after it",
    ),
    Tool("repeat", (*_TEXT, *_NUMBER), "text", _repeat, "the text several times"),
    Tool("count", _TEXT, "int", len, "how many letters the text has"),
    Tool("codes", _TEXT, "list", _codes, "the places of its letters in the alphabet, a = 1"),
    Tool("roman", _NUMBER, "text", _roman, "the number in Roman numerals"),
    Tool(
        "minus",
        (*_NUMBER, ("m", "int")),
        "int",
        lambda n, m: n - m,
        "the number less another",
    ),
    Tool("square", _NUMBER, "int", lambda number: number**2, "the number times itself"),
    Tool(
        "digits",
        _NUMBER,
        "list",
        lambda number: [int(digit) for digit in str(abs(number))],
        "the digits of the number",
    ),
    Tool("sort", _LIST, "list", sorted, "the list from low to high"),
    Tool("sum", _LIST, "int", sum, "the sum of the list"),
    Tool("max", _LIST, "int", _max, "the largest number of the list"),
)
"""Every tool, by name."""
