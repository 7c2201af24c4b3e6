"""Settings that come from JSON or a command line have the types that their fields declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from teachgym.errors import ConfigError

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    NoneType: "nothing",
    Literal: "a text",
    Sequence: "a list of texts",
    tuple: "a list of texts",
    Mapping: "a table of settings",
}


def require_types(settings: object) -> None:
    """Check the fields of a dataclass of plain values.

    Raises:
        ConfigError: for the first value of another type, with what it must be.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Length:
        ...     metres: int | None
        >>> require_types(Length("two"))
        Traceback (most recent call last):
        ...
        teachgym.errors.ConfigError: metres is 'two'; it must be an integer or nothing
    """
    for name, hint in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if not any(_fits(value, kind) for kind in kinds):
            words = dict.fromkeys(_describe(get_origin(kind) or kind) for kind in kinds)
            raise ConfigError(f"{name} is {value!r}; it must be {' or '.join(words)}")


def _describe(kind: Any) -> str:
    return _WORDS.get(kind) or f"a {kind.__name__}"


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind) or kind
    if origin in (int, float):
        number = Integral if origin is int else Real
        return isinstance(value, number) and not isinstance(value, bool)
    if origin is Literal:  # which text is checked where a near one can be suggested
        return isinstance(value, str)
    if origin in (Sequence, tuple):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, origin)
