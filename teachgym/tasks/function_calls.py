"""Function calls in Python syntax: reading without running, writing, comparing.

The comparison is the AST check of the Berkeley Function Calling Leaderboard (Patil et al. 2025,
"The Berkeley Function Calling Leaderboard (BFCL): From Tool Use to Agentic Evaluation of Large
Language Models", ICML 2025; package bfcl-eval 2026.3.23) for Python. A possible answer maps each
parameter to the values that it may have; the empty text among them says that it may be left out.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.shown import in_short

TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
"""The types of schemas in Python."""

LISTS = ("array", "tuple")
"""Types whose values have a type of their own, in ``items``."""

MOST_CHARACTERS = 20_000
"""The most characters of a text with calls; a longer one cannot be read."""

_IGNORED = re.compile(r"[ ,./\-_*^]")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function."""

    name: str
    """With its dots, such as ``math.factorial``."""
    args: Mapping[str, Any]
    """By the names of parameters."""

    __repr__ = in_short


def read_calls(text: str) -> tuple[Call, ...] | None:
    """The calls in ``[name(parameter=value, ...), ...]``; None if it is no list of calls.

    As in BFCL, brackets may be missing at either end of calls, back-ticks stand around it, and
    arguments without a name are passed over. Values are literals; of anything else the text is the
    value. BFCL calculates sums of numbers and reads calls within calls; here they are texts.

    Example:
        >>> read_calls("[math.hypot(x=4, y=-5.5)]")
        (Call(name='math.hypot', args={'x': 4, 'y': -5.5}),)
        >>> read_calls("[]"), read_calls("None of them fits.")
        ((), None)
    """
    said = text.strip("`\n ")
    inner = said if said.startswith("[") else f"[{said}"
    inner = inner if inner.endswith("]") else f"{inner}]"
    if len(inner) > MOST_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():  # Of escapes that Python does not know, for instance.
            warnings.simplefilter("ignore")
            found = ast.parse(inner, mode="eval").body
            # That there is no call has to be said, with both brackets.
            if not isinstance(found, ast.List | ast.Tuple) or not (found.elts or inner == said):
                return None
            return tuple(map(_call, found.elts))
    # What Python raises on text that is no expression, has too long numbers, or too many brackets.
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise ValueError("no call")
    return Call(_name(node.func), {str(k.arg): _value(k.value) for k in node.keywords})


def _name(node: ast.expr) -> str:
    """A name with its dots."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    if not isinstance(node, ast.Name):
        raise ValueError("no name")
    return node.id


def _value(node: ast.expr) -> Any:
    """A literal, element by element, or the text of what is none."""
    if isinstance(node, ast.List):
        return [_value(own) for own in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(own) for own in node.elts)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):  # The second of a list as a key.
        return ast.unparse(node)


def write_calls(calls: Sequence[Call]) -> str:
    """Write the calls in the form that ``read_calls`` reads."""
    return f"[{', '.join(map(_write, calls))}]"


def _write(call: Call) -> str:
    return f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.args.items())})"


def expected_call(possible: Mapping[str, Any]) -> Call:
    """A call that a possible answer allows, with the first value of each parameter that has one.

    Example:
        >>> expected_call({"area": {"base": [10, 9], "unit": ["", "cm"], "mark": [""]}})
        Call(name='area', args={'base': 10, 'unit': 'cm'})
    """
    ((name, parameters),) = possible.items()
    return Call(name, _first_values(parameters))


def _first_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: [o for o in own if o != ""] for name, own in parameters.items()}
    return {name: _first_value(own[0]) for name, own in given.items() if own}


def _first_value(option: Any) -> Any:
    if isinstance(option, Mapping):
        return _first_values(option)
    if isinstance(option, list) and option and isinstance(option[0], Mapping):
        return [_first_values(own) for own in option]
    return option


def exact_answer(call: Call) -> dict[str, Any]:
    """The possible answer that allows only this call.

    Example:
        >>> exact_answer(Call("area", {"base": 10, "mark": {"x": 1}}))
        {'area': {'base': [10], 'mark': [{'x': [1]}]}}
    """
    return {call.name: _only(call.args)}


def _only(args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [_only_value(value)] for name, value in args.items()}


def _only_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _only(value)
    if isinstance(value, list | tuple):
        return [_only(own) if isinstance(own, Mapping) else own for own in value]
    return value


# -- the check -------------------------------------------------------------------------------------


def calls_match(
    calls: Sequence[Call],
    functions: Sequence[Mapping[str, Any]],
    possible: Sequence[Mapping[str, Any]],
) -> bool:
    """Whether the calls match the possible answers, in any order."""
    left = list(calls)
    for answer in possible:
        ((name, parameters),) = answer.items()
        function = next(f for f in functions if f["name"] == name)
        fits = (call for call in left if _matches(call, function, parameters))
        if (call := next(fits, None)) is None:
            return False
        left.remove(call)
    return not left


def _matches(call: Call, function: Mapping[str, Any], possible: Mapping[str, Any]) -> bool:
    schema = function["parameters"]
    return (
        call.name == function["name"]
        and all(name in call.args for name in schema["required"])
        and all(
            name in schema["properties"]
            and name in possible
            and _is_allowed(value, schema["properties"][name], possible[name])
            for name, value in call.args.items()
        )
        and all(name in call.args or "" in options for name, options in possible.items())
    )


def _is_allowed(value: Any, schema: Mapping[str, Any], options: Sequence[Any]) -> bool:
    """Whether a value is of the parameter's type and one of the options.

    A value of the type that the options have counts as well, such as a variable's name where a
    number should be; it must be equal to one of them.
    """
    kind = TYPES[schema["type"]]
    inner = TYPES[schema["items"]["type"]] if schema["type"] in LISTS else None
    if schema["type"] == "tuple" and isinstance(value, tuple):
        value = list(value)
    if schema["type"] == "float" and type(value) is int:
        value = float(value)
    own_kind, of_options = type(value), _type_of(options)
    if own_kind is not kind:
        return own_kind is of_options and value in options
    if inner is not None and not _has_inner_type(value, inner, options):
        return False
    if of_options not in (None, kind):
        return value in options
    if kind is dict:
        return _is_one_of_tables(value, options)
    if inner is dict:
        return any(
            len(value) == len(option)
            and all(_is_one_of_tables(a, [b]) for a, b in zip(value, option, strict=True))
            for option in options
        )
    if kind is list:
        plain = [[_plain(own) for own in o] for o in options if isinstance(o, list | str)]
        return [_plain(own) for own in value] in plain
    if kind is str:
        return _plain(value) in [_plain(option) for option in options]
    return value in options


def _type_of(options: Sequence[Any]) -> type | None:
    """The type of the first option that does not say that the parameter may be left out."""
    return next((type(option) for option in options if option != ""), None)


def _has_inner_type(value: Sequence[Any], inner: type, options: Sequence[Any]) -> bool:
    """Whether all in a list is of the type it should be, or of that in one of the options."""
    return any(
        not isinstance(option, list)
        or all(type(own) is inner or type(own) is _type_of(option) for own in value)
        for option in options
    )


def _is_one_of_tables(value: Any, options: Sequence[Any]) -> bool:
    """Whether a table has the keys and values that one of the options allows."""
    return isinstance(value, dict) and any(
        all(
            name in option and _plain(own) in map(_plain, option[name])
            for name, own in value.items()
        )
        and all(name in value or "" in allowed for name, allowed in option.items())
        for option in options
        if isinstance(option, Mapping)
    )


def _plain(value: Any) -> Any:
    """A text without case, spaces and the signs ``,./-_*^``, and with one kind of quotes."""
    if not isinstance(value, str):
        return value
    return _IGNORED.sub("", value).lower().replace("'", '"')
