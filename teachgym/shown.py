"""``shown`` and ``in_short``: any value whatever on one short line.

For messages about what should have been something else, for files that say so, and for the
``repr`` of values that may hold a million characters.
"""

from __future__ import annotations

import reprlib
from dataclasses import fields, is_dataclass
from numbers import Number
from typing import Any

MOST_CHARS = 500
"""The longest text that ``shown`` and ``in_short`` give, in characters."""


class _Short(reprlib.Repr):
    """As ``repr``, cut at every level, and without addresses in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 4, 120, 120, 60

    def repr_instance(self, x: Any, level: int) -> str:
        """Of a dataclass its fields, of numbers and None what Python says, else the type."""
        name = type(x).__name__
        if isinstance(x, Number | bytes | None):
            return _cut(repr(x), self.maxother)
        if is_dataclass(x) and not isinstance(x, type):
            if level <= 0:
                return f"{name}(...)"
            values = ((f.name, getattr(x, f.name, None)) for f in fields(x) if f.repr)
            return f"{name}({', '.join(f'{n}={self.repr1(v, level - 1)}' for n, v in values)})"
        return f"<{name}>"

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Of an array its type and shape."""
        return f"<array of {x.dtype}, shape {x.shape}>"


def shown(value: object, most: int = MOST_CHARS) -> str:
    """``value`` in printable ASCII, at most ``most`` characters; never raises.

    Example:
        >>> shown(["a", float("nan"), {"b": object()}])
        "['a', nan, {'b': <object>}]"
    """
    try:
        text = _Short().repr(value)
    except Exception:  # Somebody else's class may do anything.
        text = f"<{type(value).__name__}>"
    return _cut(text.encode("ascii", "backslashreplace").decode(), most)


def in_short(value: object) -> str:
    """The ``__repr__`` of a dataclass: as Python writes it, but cut where it is long.

    What it holds is cut at every level, to at most ``MOST_CHARS`` characters in all. So two
    values may look alike; compare the values, not what they look like.
    """
    return _cut(_Short().repr(value), MOST_CHARS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
