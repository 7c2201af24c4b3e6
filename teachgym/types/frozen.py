"""``FrozenDict``: an immutable mapping, for use in frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class FrozenDict(dict[str, Any]):
    """A read-only, hashable dictionary that can be written as JSON.

    Example:
        >>> found = freeze({"tests": ["1 + 1", {"n": 2}]})
        >>> found
        {'tests': ('1 + 1', {'n': 2})}
        >>> found["tests"] = ()
        Traceback (most recent call last):
        TypeError: it is frozen; make another with dict(...)
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("it is frozen; make another with dict(...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Any:
    """The value with mappings as ``FrozenDict`` and lists as tuples, at every depth."""
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(own) for key, own in value.items()})
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    return value


def thaw(value: Any) -> Any:
    """The value with mappings as dictionaries and tuples as lists, at every depth."""
    if isinstance(value, Mapping):
        return {key: thaw(own) for key, own in value.items()}
    return list(map(thaw, value)) if isinstance(value, list | tuple) else value
