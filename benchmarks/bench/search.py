"""The space in which a teacher's settings are searched: a range for each, and random draws.

A setting's declared range says what it may be, which is wider than where it makes sense. What a
type or a range of both ends says is taken: one of the words, true or false, anywhere within. Of
what has no upper end the search is a factor of ``FACTOR`` below and above the default, evenly in
the logarithm. ``BY_NAME`` has what neither says, for a setting of any teacher: names mean the same
everywhere. Settings without a default, texts, lists and tables are not searched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import numpy as np
from annotated_types import Interval

from teachgym.agents import TEACHERS, TeacherEntry, teacher_settings
from teachgym.annotations import hints_of

FACTOR = 5.0


@dataclass(frozen=True)
class Among:
    """One of some values, all as likely."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """One of them."""
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Within:
    """A number from ``low`` to ``high``; evenly in the logarithm, or a whole one, if asked for."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> float | int:
        """One of them, with four digits that count."""
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            drawn = rng.uniform(self.low, self.high)
        rounded = min(max(float(f"{drawn:.4g}"), self.low), self.high)
        return round(rounded) if self.whole else rounded


Range = Among | Within

BY_NAME: Mapping[str, Range | None] = {
    "temperature": Within(0.002, 1.0, log=True),
    "noise_floor": Within(0.0, 3.0),
    "alpha": Within(1e-4, 0.1, log=True),
    "initial": Within(0.5, 1.0),
    "slots": Within(4, 256, log=True, whole=True),
    "threshold": Within(0.001, 0.1, log=True),  # Of gains, which are hardly ever outside.
    "top": None,  # Another rule than that of the other settings.
    "credit": None,  # Of a cell only where cells are the arms.
    "items": None,  # Costs tokens that other teachers do not spend.
    "reference": None,  # Knowledge, not a setting to be tuned.
}
"""Ranges by the name of a setting; None = it is not searched."""


def search_space(teacher: Any) -> dict[str, Range]:
    """The range of each setting that is searched, by name; empty if there is none."""
    part = TEACHERS.load(teacher)
    makers: list[Callable[..., Any]] = part.sources() if isinstance(part, TeacherEntry) else [part]
    hints = {name: hint for maker in makers for name, hint in hints_of(maker).items()}
    found = {}
    for name, default in teacher_settings(teacher).items():
        space = BY_NAME[name] if name in BY_NAME else _of(hints.get(name, Any), default)
        if space is not None:
            found[name] = space
    return found


def draw_settings(space: Mapping[str, Range], rng: np.random.Generator) -> dict[str, Any]:
    """Random settings, each from its range."""
    return {name: own.draw(rng) for name, own in space.items()}


def _of(hint: Any, default: Any) -> Range | None:
    """The range that a setting's annotation and default say; None if they say none."""
    if get_origin(hint) is Literal:
        return Among(get_args(hint))
    if isinstance(default, bool):
        return Among((False, True))
    if not isinstance(default, int | float):
        return None
    bounds = next((note for note in get_args(hint) if isinstance(note, Interval)), Interval())
    least: Any = bounds.gt if bounds.ge is None else bounds.ge
    most: Any = bounds.lt if bounds.le is None else bounds.le
    if isinstance(default, float) and least is not None and most is not None:
        return Within(least, most)
    if default <= 0:
        return None
    low, high = max(default / FACTOR, least or 0), min(default * FACTOR, most or math.inf)
    return Within(low, high, log=True, whole=isinstance(default, int))
