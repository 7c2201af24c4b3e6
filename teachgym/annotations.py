"""``annotations_of``: the types that functions and classes declare, as far as they can be read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import is_dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints


def annotations_of(maker: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a dataclass's fields, or of the arguments of what else can be called.

    Each is read by itself. Left out are those with names that only a type checker imports, and
    those that are no types.
    """
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
