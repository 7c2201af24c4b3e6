"""Requests in words for plans of tool calls, and the skills they exercise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import Any

from teachgym.tasks.procedural import Numbers
from teachgym.tasks.tool_graphs import Node, reference, write_json
from teachgym.tasks.toolbox import TOOLS
from teachgym.types import Skill

LEVELS = (0.0, 0.5, 1.0)
"""In order and in one wording; in order, in several wordings, about more; last step first."""

PLANS = {
    "one-tool": ("reverse", "upper", "count", "join", "minus", "digits", "sort", "max"),
    "two-tools": (
        *("reverse+upper", "upper+join", "repeat+count", "codes+sort", "codes+max"),
        *("digits+sum", "count+square", "minus+roman", "square+digits", "roman+reverse"),
    ),
    "three-tools": (
        *("reverse+upper+join", "count+count+minus"),
        *("codes+sum+roman", "digits+sum+square", "join+reverse+count", "square+digits+max"),
    ),
}
"""Tools in the order of their calls, by root skill.

A tool works on what the one before it gave. Where three end in a tool that takes two of a kind, it
takes what the other two gave.
"""

_ROOTS = {"one-tool": "one call", "two-tools": "two calls", "three-tools": "three calls"}


def skills() -> tuple[Skill, ...]:
    """A root for each number of calls, and under it its tuples of tools."""
    roots = (Skill(root, None, f"Plans of {calls}.") for root, calls in _ROOTS.items())
    leaves = (
        Skill(name, root, f"Call {', then '.join(name.split('+'))}.")
        for root, names in PLANS.items()
        for name in names
    )
    return (*roots, *leaves)


def skill_of(nodes: Sequence[Node]) -> str:
    """The name of a plan's skill: its tools in order."""
    return "+".join(node.name for node in nodes)


def merges(tools: Sequence[str]) -> bool:
    """Whether the last tool takes the outputs of both others."""
    return len(tools) == 3 and len({kind for _, kind in TOOLS[tools[2]].takes}) < len(
        TOOLS[tools[2]].takes
    )


_BOUNDS = ((10, 1000), (100, 2000), (1000, 4000))
"""The bounds of a number in a plan, at least and below, by level: Roman numerals end."""


def draw_plan(tools: Sequence[str], level: int, numbers: Numbers) -> tuple[Node, ...]:
    """A plan that calls these tools, about texts and numbers that grow with the level."""
    nodes: list[Node] = []
    for number, name in enumerate(tools):
        args: dict[str, Any] = {}
        for place, (argument, kind) in enumerate(TOOLS[name].takes):
            if merges(tools) and number == 2:
                args[argument] = reference(nodes[place])
            elif place == 0 and number > 0 and not merges(tools):
                args[argument] = reference(nodes[-1])
            else:
                args[argument] = _draw(kind, place, level, numbers)
        nodes.append(Node(number, name, args))
    return tuple(nodes)


def _draw(kind: str, place: int, level: int, numbers: Numbers) -> str | int | list[int]:
    """A random value; a number that is not the first argument is small, from 2 to 9."""
    if kind == "text":
        return draw_name(numbers, 3 + level + numbers(2, 1)[0])
    if kind == "int":
        least, below = (2, 10) if place else _BOUNDS[level]
        return least + numbers(below - least, 1)[0]
    return [1 + number for number in numbers(49, 3 + level)]


def draw_name(numbers: Numbers, length: int = 3) -> str:
    """Random letters."""
    return "".join(ascii_lowercase[letter] for letter in numbers(26, length))


# -- wording -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording of a call; ``{0}`` is the tool's input and ``{1}`` a further argument."""

    orders: tuple[str, str, str]
    """Sentences of one meaning."""
    name: str
    """The result of the call, as a noun."""


WORDINGS: Mapping[str, Wording] = {
    "reverse": Wording(
        ("Reverse {0}.", "Spell {0} backwards.", "Turn {0} round."), "the reverse of {0}"
    ),
    "upper": Wording(
        ("Capitalise {0}.", "Put {0} in capitals.", "Make {0} upper case."), "the capitals of {0}"
    ),
    "join": Wording(
        ("Join {0} and {1}.", "Follow {0} with {1}.", "Glue {0} and {1} together."),
        "the join of {0} and {1}",
    ),
    "repeat": Wording(
        ("Repeat {0} {1} times.", "Write {0} {1} times.", "Say {0} {1} times over."),
        "the {1}-fold repeat of {0}",
    ),
    "count": Wording(
        ("Count {0}.", "Say how long {0} is.", "Find the length of {0}."), "the length of {0}"
    ),
    "codes": Wording(
        ("List the codes of {0}.", "Turn {0} into codes.", "Encode {0}."), "the codes of {0}"
    ),
    "roman": Wording(
        ("Write {0} in Roman.", "Make {0} a Roman numeral.", "Romanise {0}."),
        "the Roman numeral of {0}",
    ),
    "minus": Wording(
        ("Take {1} from {0}.", "Subtract {1} from {0}.", "Lower {0} by {1}."),
        "the difference of {0} and {1}",
    ),
    "square": Wording(
        ("Square {0}.", "Multiply {0} by itself.", "Raise {0} to the power 2."),
        "the square of {0}",
    ),
    "digits": Wording(
        ("List the digits of {0}.", "Split {0} into digits.", "Take {0} apart."),
        "the digits of {0}",
    ),
    "sort": Wording(
        ("Sort {0}.", "Put {0} in order.", "Order {0} by size."), "the sorted form of {0}"
    ),
    "sum": Wording(("Sum {0}.", "Total {0}.", "Find the sum of {0}."), "the sum of {0}"),
    "max": Wording(
        ("Find the largest of {0}.", "Take the top of {0}.", "Pick the biggest of {0}."),
        "the maximum of {0}",
    ),
}


def put_in_words(nodes: Sequence[Node], level: int, numbers: Numbers) -> str:
    """A request for the plan in the style of the level."""
    fans_in = merges([node.name for node in nodes])
    if level == len(LEVELS) - 1:
        names: list[str] = []
        for node in nodes:
            names.append(WORDINGS[node.name].name.format(*_inputs(node, names)))
        return f"Give {names[-1]}."
    sentences = []
    for node in nodes:
        orders = WORDINGS[node.name].orders
        order = orders[numbers(len(orders), 1)[0]] if level else orders[0]
        earlier = ("the first", "the second") if fans_in else ("it",) * len(nodes)
        sentences.append(order.format(*_inputs(node, earlier)))
    return " ".join(sentences)


def _inputs(node: Node, earlier: Sequence[str]) -> list[str]:
    """The arguments of a node in words, given those for what earlier nodes give."""
    references = {f"<node-{i}>": words for i, words in enumerate(earlier)}
    return [
        references.get(str(value).partition(".")[0], write_json(value))
        for value in (node.args[name] for name, _ in TOOLS[node.name].takes)
    ]


# -- reading -------------------------------------------------------------------------------------

_EARLIER = {"it": -1, "the first": 0, "the second": 1}
"""Words for what an earlier call gave, and its place among the calls."""
# Sentences are read with the blank after them, so that they end where the next one begins.
_ORDERS = tuple((name, f"{order} ") for name, w in WORDINGS.items() for order in w.orders)
_NAMES = tuple((name, wording.name) for name, wording in WORDINGS.items())
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Read:
    """The part of a request before a place: its calls, and the value that it ends with."""

    end: int = 0
    nodes: tuple[Node, ...] = ()
    value: Any = None


def read_request(request: str) -> tuple[Node, ...] | None:
    """The plan that a request in the words of ``put_in_words`` asks for; None for other words.

    Sentences of all wordings may follow each other, and names of results may stand in them.

    Example:
        >>> [(node.name, node.args) for node in read_request("Take 7 from 931.")]
        [('minus', {'m': 7, 'n': 931})]
    """
    try:
        return _read_whole(f"{request.strip()} ")
    except RecursionError:
        return None


def _read_whole(text: str) -> tuple[Node, ...] | None:
    if text.startswith("Give "):
        named = _read_call(text, _Read(len("Give ")), _NAMES)
        return named.nodes if named and text[named.end :] == ". " else None
    read: _Read | None = _Read()
    while read and read.end < len(text):
        read = _read_call(text, read, _ORDERS)
    return read.nodes if read else None


def _read_call(text: str, start: _Read, forms: Iterable[tuple[str, str]]) -> _Read | None:
    """A call that is worded in one of the forms; its value is the reference to what it gives."""
    for name, form in forms:
        args: dict[str, Any] = {}
        read: _Read | None = start
        for piece in re.split(r"({\d})", form):
            if read and piece.startswith("{"):
                if read := _read_value(text, read):
                    args[TOOLS[name].takes[int(piece[1])][0]] = read.value
            elif read:
                end = read.end + len(piece)
                read = replace(read, end=end) if text.startswith(piece, read.end) else None
        if read:
            node = Node(len(read.nodes), name, args)
            return _Read(read.end, (*read.nodes, node), reference(node))
    return None


def _read_value(text: str, start: _Read) -> _Read | None:
    """A value: JSON, what an earlier call gave, or the name of a result."""
    for words, place in _EARLIER.items():
        if text.startswith(words, start.end) and max(place, 0) < len(start.nodes):
            end = start.end + len(words)
            return replace(start, end=end, value=reference(start.nodes[place]))
    if named := _read_call(text, start, _NAMES):
        return named
    try:
        value, end = _DECODER.raw_decode(text, start.end)
    except ValueError:
        return None
    return replace(start, end=end, value=value)
