"""What happens to a batch on its way into training, besides the gate: pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from teachgym.types import Data, Provenance, Verdict


def most(count: int, allowed: Callable[[int], bool]) -> int:
    """The largest number from 0 to ``count`` that is allowed, where fewer are allowed too.

    Example:
        >>> most(10, lambda n: 3 * n <= 20)
        6
    """
    if allowed(count):
        return count
    low, high = 0, count
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def divide(data: Data, count: int, currency: str) -> tuple[Data, tuple[Verdict, ...]]:
    """The first ``count`` examples, and verdicts on those that ``currency`` is not enough for."""
    detail = f"{currency}: not enough left for it"
    return data[:count], tuple(Verdict(e, "budget", detail) for e in data[count:])


def stamp(data: Data, step: int) -> Data:
    """The examples with the step they are trained in as their provenance's round."""

    @cache
    def stamped(provenance: Provenance) -> Provenance:
        return replace(provenance, round=step)

    return tuple(replace(e, provenance=stamped(e.provenance or Provenance())) for e in data)
