"""Python values as JSON, so that a program's results reach the grader as plain data.

A value is of one of the built-in types or of a class derived from one, and arrives as the built-in
type: no method of a program's own class, such as ``__eq__``, goes with it. Runs on both sides of a
sandbox's wall.
"""

from __future__ import annotations

from typing import Any

_TAGS: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class NotPlainError(TypeError):
    """A value of another type."""


def encode(value: Any) -> Any:
    """The value in the types of JSON.

    Raises:
        NotPlainError: for a value of another type.

    Example:
        >>> encode((1, [None, "a"], {2: b"c"}))
        {'tuple': [1, [None, 'a'], {'dict': [[2, {'bytes': '63'}]]}]}
    """
    if value is None or value is True or value is False:
        return value
    # Methods of the built-in types: a derived class may have replaced its own.
    if isinstance(value, int):
        return int.__add__(value, 0)
    if isinstance(value, float):
        return float.__add__(value, 0.0)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return {"bytes": bytes.hex(value)}
    if isinstance(value, list):
        return [encode(item) for item in list.__iter__(value)]
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in dict.items(value)]}
    for tag, kind in _TAGS.items():
        if isinstance(value, kind):
            return {tag: [encode(item) for item in kind.__iter__(value)]}
    raise NotPlainError(f"a value of type {type(value).__name__} is not plain data")


def decode(found: Any) -> Any:
    """The value that ``encode`` gave this for.

    Raises:
        ValueError, TypeError: for anything else.
    """
    if isinstance(found, list):
        return [decode(item) for item in found]
    if not isinstance(found, dict):
        return found
    ((tag, inside),) = found.items()
    if tag == "bytes":
        return bytes.fromhex(inside)
    if tag == "dict":
        return {decode(key): decode(item) for key, item in inside}
    if tag not in _TAGS or not isinstance(inside, list):
        raise ValueError(f"{tag!r} is no tag of a value")
    return _TAGS[tag](decode(item) for item in inside)
