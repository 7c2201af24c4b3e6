"""Checks of teachers' settings: a number is in its range or the error says what the range is."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval

from teachgym.ranges import Positive
from teachgym.typed import check_value

MOST = 10**6
"""Of what a teacher counts: slots, draws, rounds in memory."""


def check_range(name: str, value: float, low: float, high: float | None = None) -> float:
    """``value`` if it is a finite number in [low, high]; ``ConfigError`` otherwise.

    Example:
        >>> check_range("exploration", 0.2, 0, 1)
        0.2
    """
    check_value(name, value, Annotated[float, Interval(ge=low, le=high)])
    return value


def check_count(name: str, value: int, low: int, high: int = MOST) -> int:
    """``value`` if it is an integer in [low, high]; ``ConfigError`` otherwise.

    Example:
        >>> check_count("slots", 64, 1)
        64
    """
    check_value(name, value, Annotated[int, Interval(ge=low, le=high)])
    return int(value)


def check_positive(name: str, value: float) -> float:
    """``value`` if it is a finite number above 0; ``ConfigError`` otherwise."""
    check_value(name, value, Positive)
    return value


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """``value`` if it is one of ``choices``; ``ConfigError`` otherwise."""
    check_value(name, value, Literal[choices])
    return value
