r"""The valid items in the text of a reply, by pure functions.

Models write prose and fences around JSON, leave commas where none belong, do not double the
backslashes of LaTeX, and stop in the middle. What can be read without guessing is read; an item
that was cut off is never passed as a whole one. Needs the extra ``llm``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from teachgym.chat.thoughts import without_thoughts
from teachgym.errors import ConfigError, missing_extra
from teachgym.types import Incident

try:
    from json_repair import repair_json
    from pydantic import BaseModel, ValidationError
except ModuleNotFoundError as error:
    raise missing_extra(str(error.name), "llm") from error

ItemT = TypeVar("ItemT", bound=BaseModel)

_WRAPPED = re.compile(r'\{\s*"items"\s*:')
_ANY = re.compile(r'\{\s*"|\[\s*[{\]]|\{\s*\'')
"""The beginning of JSON: the key that was asked for, or else as no LaTeX or prose has it."""

_NEXT = re.compile(r'[\s,]*(?=\{\s*")')
"""The gap between items in a row, and the beginning of the next."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.?)*"?|[{}\[\]]', re.DOTALL)
"""A string, whether it ends or not, or a bracket."""

_LONGEST = 20_000
"""Characters that are repaired at most, because nonsense can take a time that is quadratic."""
_DEEPEST = 50
"""Brackets within brackets that are repaired at most, for the same reason."""

# LaTeX commands that begin with a legal escape of JSON. Not "ne" and "nu", which may well be a new
# line that begins with e or u.
_COMMANDS = (
    "nabla|neg|neq|nmid|not|notin|rangle|rceil|rfloor|rho|right|rightarrow|rm"
    "|tan|tau|text[a-z]*|tfrac|theta|therefore|tilde|times|to|top|triangle"
)
_BACKSLASH = re.compile(
    rf'\\(?:(?!(?:{_COMMANDS})(?![A-Za-z]))(["\\/nrt]|[bf](?![A-Za-z])|u[0-9a-fA-F]{{4}}))?'
)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[ItemT]):
    """The contents of a reply."""

    items: tuple[ItemT, ...] = ()
    problems: tuple[Incident, ...] = ()
    """The parts that had to be repaired or dropped; empty for a flawless reply."""
    malformed: str | None = None
    """The reason why the reply is of no use, for the model to read; None = it is of use."""


def parse_items(text: str, item: type[ItemT]) -> Parsed[ItemT]:
    r"""The valid items in a reply, which may be ``{"items": [...]}``, a list, or a single item.

    Of several JSON values in the text the longest counts; items one after the other, without
    brackets around them, are one. What comes before the last mark that
    ends thoughts is passed over: a draft in it is none of the reply.
    A backslash that begins no JSON escape is taken for a character, as in ``\sqrt``; so are those
    of ``\frac`` and ``\times``, which JSON would read as a form feed and a tab. Of valid JSON
    that gives a key two values, neither is believed. Numbers that are not finite make an item
    invalid. An empty list is a legal answer; items none of which is valid are a malformed one.

    Args:
        text: the reply. Takes a time linear in its length: of what is neither valid nor merely
            cut off, the items in the first 20,000 characters alone are read.
        item: what each item must fit.
    """
    said = without_thoughts(text)
    thought = f"{len(text) - len(said)} characters of thoughts were passed over"
    problems = [Incident("thoughts", thought)] if said != text else []
    values = list(_values(said))
    if not values:
        malformed = "there is no JSON, or not as much as one whole item"
        return Parsed((), tuple(problems), malformed)
    value = max(values, key=lambda value: value.length)
    problems += [Incident("repaired", value.repair)] if value.repair else []
    listed = _listed(value.content)
    if listed is None:
        return Parsed((), tuple(problems), 'the JSON is not of the form {"items": [...]}')
    items, reasons = [], []
    for number, content in enumerate(listed, start=1):
        try:
            items.append(_fitted(content, item))
        except ValueError as error:
            reasons.append(f"item {number}: {_reason(error)}")
    problems += [Incident("bad-item", reason) for reason in reasons]
    nothing = bool(reasons) and not items
    return Parsed(
        tuple(items), tuple(problems), f"no item is valid; {reasons[0]}" if nothing else None
    )


# -- text to JSON --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """A JSON value found in a text."""

    content: Any
    length: int
    """Characters it takes up."""
    repair: str = ""
    """The repair that made it readable; empty = none."""


class _Both:
    """Stands for two values of one key; fits no type."""

    def __init__(self, first: object, second: object) -> None:
        self.values = first, second

    def __repr__(self) -> str:
        return "both {!r} and {!r}".format(*self.values)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key hides another."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        agrees = key not in result or result[key] == value
        result[key] = value if agrees else _Both(result[key], value)
    return result


_DECODER = json.JSONDecoder(object_pairs_hook=_object, strict=False)


def _values(text: str) -> Iterator[_Value]:
    """The JSON values in a text, one after the other; none begins inside another."""
    doubled = _BACKSLASH.sub(lambda match: match[0] if match[1] else r"\\", text)
    repair = "backslashes were doubled" if doubled != text else ""
    begin = _WRAPPED if _WRAPPED.search(doubled) else _ANY
    match = begin.search(doubled)
    while match:
        start = match.start()
        try:
            content, end = _decoded(doubled, start)
        except (ValueError, RecursionError):
            # What comes next may be inside of this, unless it has the key of a whole reply.
            match = _WRAPPED.search(doubled, match.end())
            if value := _repaired(doubled[start : match.start() if match else None]):
                yield value
        else:
            yield _Value(content, end - start, repair)
            match = begin.search(doubled, end)


def _decoded(text: str, start: int) -> tuple[Any, int]:
    """The value that begins there, and its end; of single items in a row, the list of them."""
    content, end = _DECODER.raw_decode(text, start)
    row = [content]
    while _is_item(row[-1]) and (gap := _NEXT.match(text, end)):
        try:
            content, after = _DECODER.raw_decode(text, gap.end())
        except (ValueError, RecursionError):
            break
        if not _is_item(content):
            break
        row.append(content)
        end = after
    return (row if len(row) > 1 else row[0]), end


def _is_item(content: Any) -> bool:
    return isinstance(content, dict) and "items" not in content


def _repaired(text: str) -> _Value | None:
    """The value that a text with errors begins with; None if nothing in it is whole."""
    whole = _whole(text)
    try:
        if whole:
            return _Value(_DECODER.decode(whole), len(whole), "only the whole items were kept")
    except ValueError:
        pass
    if whole is None or len(whole) > _LONGEST:
        whole = _whole(text[:_LONGEST])
    try:
        if whole:
            content = repair_json(whole, return_objects=True, skip_json_loads=True)
            return _Value(content, len(whole), "the JSON had errors")
    except (ValueError, RecursionError):
        pass
    return None


def _whole(text: str) -> str | None:
    """The value that a text begins with, as far as it is whole: closed after its last whole item.

    None if there is not as much as one, or brackets are too deep.
    """
    closing = "]}" if _WRAPPED.match(text) else "]" if text.startswith("[") else None
    depth, end = 0, None
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            depth += 1
        elif token in ("}", "]"):
            depth -= 1
            if depth <= 0:
                return text[: match.end()]
            if closing and token == "}" and depth == len(closing):
                end = match.end()
        if depth > _DEEPEST:
            return None
    return f"{text[:end]}{closing}" if end else None


# -- JSON to items -------------------------------------------------------------------------


def _listed(content: Any) -> list[Any] | None:
    """The items of any of the three forms; None if it is another."""
    if isinstance(content, dict):
        content = content.get("items", [content])
    return content if isinstance(content, list) else None


def _fitted(content: Any, item: type[ItemT]) -> ItemT:
    """The item, or ``ValueError``."""
    fitted = item.model_validate(content)
    _require_sound(fitted.model_dump())
    return fitted


def _require_sound(content: Any) -> None:
    """Refuse what pydantic lets pass, but no file of JSON in UTF-8 can hold."""
    if isinstance(content, dict):
        content = [*content.values()]
    if isinstance(content, (list, tuple)):
        for part in content:
            _require_sound(part)
    if isinstance(content, float) and not math.isfinite(content):
        raise ValueError(f"{content} is not a finite number")
    if isinstance(content, str):
        content.encode()  # half of a surrogate pair is a ValueError


def _reason(error: ValueError) -> str:
    """The fault of an invalid item, in one line: the field, its fault and its value."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}, not {first['input']!r:.60}".removeprefix(": ")


def items_schema(item: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of ``{"items": [...]}`` in the form that strict providers want.

    Every object forbids other fields and requires all of its own, those with defaults included
    (a reply without them is valid nevertheless); definitions stand where they are used; titles
    and defaults are left out; ``oneOf`` becomes ``anyOf``. Bounds such as ``maxLength`` and
    ``maxItems`` stay: a weak model whose answer is bound to a schema ends it only because of
    them.

    Raises:
        ConfigError: for a type that contains itself, or objects whose fields have no fixed names:
            strict providers have no form for them.
    """
    schema = item.model_json_schema()
    definitions = schema.pop("$defs", {})
    inner = _strict(schema, definitions, (item.__name__,))
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": inner}},
        "required": ["items"],
        "additionalProperties": False,
    }


def _strict(schema: Any, definitions: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """A schema without references; ``inside`` names the definitions it is part of."""
    if isinstance(schema, list):
        return [_strict(part, definitions, inside) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in inside:
            raise ConfigError(f"{name} contains itself; items need types of a fixed depth")
        return _strict(definitions[name], definitions, (*inside, name))
    if schema.get("type") == "object" and "properties" not in schema:
        raise ConfigError(f"{inside[-1]} has a field of free keys; give it named fields")
    kept = {
        "anyOf" if key == "oneOf" else key: _strict(value, definitions, inside)
        for key, value in schema.items()
        if key not in ("title", "default", "discriminator", "properties")
    }
    if "properties" in schema:
        # A field may itself be called "title".
        fields = {
            name: _strict(value, definitions, inside)
            for name, value in schema["properties"].items()
        }
        kept |= {"properties": fields, "required": [*fields], "additionalProperties": False}
    return kept
