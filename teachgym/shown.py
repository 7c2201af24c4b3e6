"""``shown``: any value whatever on one short line, the same in every process.

For messages about what should have been something else, and for files that say so.
"""

from __future__ import annotations

import reprlib
from dataclasses import fields, is_dataclass
from typing import Any

MOST_CHARS = 500
"""The longest text that ``shown`` gives, in characters."""


class _Short(reprlib.Repr):
    """As ``repr``, cut at every level, and without addresses in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 4, 120, 120, 60

    def repr_instance(self, x: Any, level: int) -> str:
        """Of a dataclass its fields, of numbers and None what Python says, else the type."""
        name = type(x).__name__
        if isinstance(x, bool | float | complex | bytes | None):
            return self._cut(repr(x))
        if is_dataclass(x) and not isinstance(x, type):
            if level <= 0:
                return f"{name}(...)"
            values = ((f.name, getattr(x, f.name, None)) for f in fields(x))
            return f"{name}({', '.join(f'{n}={self.repr1(v, level - 1)}' for n, v in values)})"
        return f"<{name}>"

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Of an array its type and shape."""
        return f"<array of {x.dtype}, shape {x.shape}>"

    def _cut(self, text: str) -> str:
        return text if len(text) <= self.maxother else text[: self.maxother - 3] + "..."


def shown(value: object) -> str:
    """``value`` in printable ASCII, at most ``MOST_CHARS`` characters; never raises.

    Example:
        >>> shown(["a", float("nan"), {"b": object()}])
        "['a', nan, {'b': <object>}]"
    """
    try:
        text = _Short().repr(value)
    except Exception:  # Somebody else's class may do anything.
        text = f"<{type(value).__name__}>"
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 3] + "..."
