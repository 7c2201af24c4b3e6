"""Plans of tool calls in the format of m&m's: reading, running, comparing.

A plan is a list of nodes, each a call of a tool; ``<node-0>.text`` stands for what an earlier node
gave (Ma et al. 2024, "m&m's: A Benchmark to Evaluate Tool-Use for multi-step multi-modal Tasks",
arXiv 2403.11085)::

    [{"id":0,"name":"reverse","args":{"text":"cat"}},
     {"id":1,"name":"upper","args":{"text":"<node-0>.text"}}]

A plan is read as JSON and as nothing else. A reference is a whole argument here, never a part of
a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from teachgym.shown import in_short
from teachgym.tasks.toolbox import TOOLS, ToolError, Value, call

MOST_NODES = 8
"""The most nodes of a plan; a longer one cannot be read."""

_LONGEST = 1000
"""Characters of an expression; a longer one, which could have millions, becomes its digest."""

_REFERENCE = re.compile(r"<node-(\d{1,4})>\.(text|int|list)")


@dataclass(frozen=True, slots=True)
class Node:
    """A call of a tool in a plan."""

    id: int
    name: str
    args: Mapping[str, Any]
    """JSON values and references by the names of arguments."""

    __repr__ = in_short


def reference(node: Node) -> str:
    """The reference to the node's output for the arguments of later nodes."""
    return f"<node-{node.id}>.{TOOLS[node.name].gives}"


def write_json(value: Any) -> str:
    """Write JSON in ASCII without white space."""
    return json.dumps(value, separators=(",", ":"))


def write_plan(nodes: Sequence[Node]) -> str:
    """The plan as text."""
    return write_json([{"id": n.id, "name": n.name, "args": dict(n.args)} for n in nodes])


def read_json(text: str, opening: str) -> Any:
    """The first JSON value in a text that begins with ``opening``; the rest is ignored.

    Raises:
        ValueError: if there is none that can be read.
    """
    start = text.find(opening)
    try:
        return json.JSONDecoder(parse_constant=_refuse).raw_decode(text, max(start, 0))[0]
    except RecursionError:
        raise ValueError("too many brackets within brackets") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def read_plan(text: str) -> tuple[Node, ...] | None:
    """The first plan in a text; None if there is none of 1 to ``MOST_NODES`` nodes.

    Only the form is looked at: tools may be unknown and references lead nowhere.

    Example:
        >>> [node.name for node in read_plan('[{"id":0,"name":"count","args":{"text":"cat"}}]')]
        ['count']
    """
    try:
        rows = read_json(text, "[")
    except ValueError:
        return None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_NODES:
        return None
    nodes = []
    for row in rows:
        if not isinstance(row, dict) or row.keys() != {"id", "name", "args"}:
            return None
        number, name, args = row["id"], row["name"], row["args"]
        if type(number) is not int or not isinstance(name, str) or not isinstance(args, dict):
            return None
        nodes.append(Node(number, name, args))
    return tuple(nodes) if len({node.id for node in nodes}) == len(nodes) else None


def run_plan(nodes: Sequence[Node]) -> tuple[Value, ...]:
    """The output of each node, in order; the last is the plan's result.

    Raises:
        ToolError: for a call that fails, and for a reference to no earlier node, or to a kind of
            value that it does not give.
    """
    given: dict[int, Value] = {}
    for node in nodes:
        args = {name: _follow(value, nodes, given) for name, value in node.args.items()}
        given[node.id] = call(node.name, args)
    return tuple(given.values())


def _follow(value: Any, nodes: Sequence[Node], given: Mapping[int, Value]) -> Any:
    """The value, or what it refers to."""
    if (found := sources(value)) is None:
        return value
    number, kind = found
    if number not in given:
        raise ToolError(f"{value} is not an earlier node")
    name = next(node.name for node in nodes if node.id == number)
    if TOOLS[name].gives != kind:
        raise ToolError(f"{name} gives a {TOOLS[name].gives}, not {value}")
    return given[number]


def sources(value: Any) -> tuple[int, str] | None:
    """The node of a reference and the kind of its value; None if it is no reference.

    Example:
        >>> sources("<node-2>.list"), sources("<node-2>")
        ((2, 'list'), None)
    """
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return (int(match[1]), match[2]) if match else None


def expressions(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Each node as an expression with its references expanded.

    Two plans whose nodes are the same expressions, in whatever order and with whatever ids, do the
    same. References that lead nowhere stay as they are.

    Example:
        >>> twice = '[{"id":7,"name":"count","args":{"text":"ab"}},'
        >>> twice += '{"id":1,"name":"square","args":{"n":"<node-7>.int"}}]'
        >>> expressions(read_plan(twice))[1]
        'square(n=count(text="ab").int)'
    """
    found: dict[int, str] = {}
    for node in nodes:
        args = (f"{name}={_express(node.args[name], found)}" for name in sorted(node.args))
        whole = f"{node.name}({','.join(args)})"
        found[node.id] = whole if len(whole) <= _LONGEST else sha256(whole.encode()).hexdigest()
    return tuple(found.values())


def arguments(nodes: Sequence[Node]) -> frozenset[tuple[str, str, str]]:
    """The tool, name and value of each argument in a plan.

    A value that another node gives is the expression of that node.
    """
    found = dict(zip((node.id for node in nodes), expressions(nodes), strict=True))
    return frozenset(
        (node.name, name, _express(value, found))
        for node in nodes
        for name, value in node.args.items()
    )


def _express(value: Any, found: Mapping[int, str]) -> str:
    source = sources(value)
    if source is None or source[0] not in found:
        return write_json(value)
    return f"{found[source[0]]}.{source[1]}"
