"""``shown`` and ``in_short``: any value whatever on one short line.

For messages about what should have been something else, for files that say so, and for the
``repr`` of values that may hold a million characters.
"""

from __future__ import annotations

import math
import reprlib
import shlex
from dataclasses import fields, is_dataclass
from numbers import Number
from pathlib import Path
from typing import Any, Literal

from annotated_types import Interval

MOST_CHARS = 500
"""The longest text that ``shown`` and ``in_short`` give, in characters."""


def command(*words: object) -> str:
    """A command line of teachgym that can be copied to a shell.

    Example:
        >>> command("resume", "my runs/alp", "--accept", "code")
        "teachgym resume 'my runs/alp' --accept code"
    """
    paths = (f"./{w}" if isinstance(w, Path) and str(w).startswith("-") else w for w in words)
    return shlex.join(["teachgym", *map(str, paths)])


class _Short(reprlib.Repr):
    """As ``repr``, cut at every level, and without addresses in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 4, 120, 120, 60

    def repr_instance(self, x: Any, level: int) -> str:
        """The fields of a dataclass; numbers and None as Python has them; else the type."""
        name = type(x).__name__
        if isinstance(x, Number | bytes | None):
            return _cut(repr(x), self.maxother)
        if is_dataclass(x) and not isinstance(x, type):
            if level <= 0:
                return f"{name}(...)"
            values = ((f.name, getattr(x, f.name, None)) for f in fields(x) if f.repr)
            return f"{name}({', '.join(f'{n}={self.repr1(v, level - 1)}' for n, v in values)})"
        return f"<{name}>"

    def repr_FrozenDict(self, x: Any, level: int) -> str:
        """As any dictionary."""
        return self.repr_dict(x, level)

    def repr_ndarray(self, x: Any, level: int) -> str:
        """The type and shape of an array."""
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


def in_words(limits: Interval) -> str:
    """A range in words.

    Example:
        >>> in_words(Interval(ge=0, lt=1)), in_words(Interval(gt=0)), in_words(Interval(ge=1))
        ('in [0, 1)', 'above 0', '1 or more')
    """
    low = limits.ge if limits.ge is not None else limits.gt
    high: Any = limits.le if limits.le is not None else limits.lt
    if low is None:
        return f"at most {high:,}"
    least = f"{low} or more" if limits.ge is not None else f"above {low}"
    if high is None:
        return least
    if high >= 1000:
        return f"{least}, and at most {high:,}"
    return f"in {'[('[limits.ge is None]}{low}, {high}{')]'[limits.lt is None]}"


def size_in_words(count: float, amount: float, unit: Literal["bytes", "seconds"]) -> str:
    """The total of ``count`` things of ``amount`` each, in a unit that people know."""
    total = float(count) * amount if abs(count) < 10**290 else math.inf
    time = (("years", 3.2e7), ("days", 86_400), ("hours", 3_600), ("minutes", 60))
    memory = (("TB of memory", 1e12), ("GB of memory", 1e9), ("MB of memory", 1e6))
    units = time if unit == "seconds" else memory
    name, one = next(((name, one) for name, one in units if total >= one), units[-1])
    return f"{total / one:,.3g} {name}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
