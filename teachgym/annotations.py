"""``hints_of``: the types that functions and classes declare, as far as they can be read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache, partial
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

UNIONS = (Union, UnionType)


@cache
def hints_of(maker: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a dataclass's fields, or of the arguments of what else can be called.

    Each is read by itself. Left out are those with names that only a type checker imports, and
    those that are no types.
    """
    hints = _annotations_of(maker)
    names = inspect.signature(maker).parameters if isinstance(maker, type) else hints
    return {n: open_hint(hint) for n, hint in hints.items() if n in names and n != "return"}


def open_hint(hint: Any) -> Any:
    """The annotation; anything, for a seam: what stands behind it is for its conformance check."""
    kinds = get_args(hint) if get_origin(hint) in UNIONS else (hint,)
    return Any if any(getattr(kind, "_is_protocol", False) for kind in kinds) else hint


def _annotations_of(maker: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for owner in _declaring(maker):
        for name, hint in inspect.get_annotations(owner).items():
            one = SimpleNamespace(__annotations__={name: hint})
            with suppress(Exception):  # Whatever somebody else's annotation raises.
                names = vars(sys.modules[owner.__module__])
                found |= get_type_hints(one, names, include_extras=True)
    return found


def _declaring(maker: Any) -> Iterable[Any]:
    """The objects with the annotations: the classes of a dataclass, base first; else a function."""
    if isinstance(maker, type):
        if is_dataclass(maker):
            return reversed(maker.__mro__)
        return [inspect.unwrap(maker.__init__)]  # type: ignore[misc]
    if isinstance(maker, partial):
        return _declaring(maker.func)
    return [inspect.unwrap(maker) if inspect.isroutine(maker) else type(maker).__call__]
