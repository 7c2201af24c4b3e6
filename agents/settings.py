"""Checks of teachers' settings: a number is in its range or the error says what the range is."""

from __future__ import annotations

import math

import numpy as np

from teachgym.errors import ConfigError


def check_range(name: str, value: float, low: float, high: float = math.inf) -> float:
    """``value`` if it is a number in [low, high]; ``ConfigError`` otherwise, nan included.

    Example:
        >>> check_range("exploration", 0.2, 0, 1)
        0.2
    """
    if not isinstance(value, int | float | np.number) or not low <= value <= high:
        allowed = f"{low:g} or more" if high == math.inf else f"in [{low:g}, {high:g}]"
        raise ConfigError(f"{name} is {value!r}; it must be {allowed}")
    return value


def check_positive(name: str, value: float) -> float:
    """``value`` if it is above 0; ``ConfigError`` otherwise, nan included."""
    if not isinstance(value, int | float | np.number) or not value > 0:
        raise ConfigError(f"{name} is {value!r}; it must be above 0")
    return value


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """``value`` if it is one of ``choices``; ``ConfigError`` otherwise."""
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
    return value
