"""The way of a batch into training, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from teachgym.envs.episode import Episode
from teachgym.gate import GateResult
from teachgym.gate.filters import Memory
from teachgym.shown import shown
from teachgym.types import (
    EXERCISE,
    Data,
    Provenance,
    Verdict,
)


def most(count: int, allowed: Callable[[int], bool]) -> int:
    """The largest allowed number from 0 to ``count``; every smaller number must be allowed too.

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
    """The first ``count`` examples, and verdicts on those that ``currency`` cannot pay for."""
    detail = f"{currency}: not enough left for it"
    return data[:count], tuple(Verdict(e, "budget", detail) for e in data[count:])


def filtered(env: Episode, data: Data) -> tuple[GateResult, Mapping[str, Memory]]:
    """Apply the gate's filters to data that passed its checks; also returns their memory."""
    if not env.gate.filters or not data:
        return GateResult(data, ()), env.state.filters
    with env.probe_log.set_aside():
        return env.gate.choose(data, env.probes, env.rng("filters"), env.state.filters)


def apart(data: Data) -> tuple[Data, Data]:
    """Separate exercises, which the task can grade, from auxiliary texts."""
    exercises = tuple(e for e in data if e.kind == EXERCISE)
    return exercises, tuple(e for e in data if e.kind != EXERCISE)


def items_of(action: Any) -> tuple[tuple[Any, ...], tuple[Verdict, ...]]:
    """The items of an action in words; if it is not a tuple, none and a verdict on the whole."""
    return (action, ()) if isinstance(action, tuple) else ((), (no_action(action, "a tuple"),))


def no_action(action: Any, wanted: str) -> Verdict:
    """The verdict on an action that is not ``wanted``."""
    detail = f"the action is {shown(action)}, of type {type(action).__name__}; it must be {wanted}"
    return Verdict(None, "action", detail, shown(action))


def sift(
    items: Iterable[Any], reason: str, fault: Callable[[Any], str | None]
) -> tuple[tuple[Any, ...], tuple[Verdict, ...]]:
    """The items without a ``fault``, and verdicts with ``reason`` on the others."""
    kept: list[Any] = []
    verdicts: list[Verdict] = []
    for item in items:
        if (detail := fault(item)) is None:
            kept.append(item)
        else:
            verdicts.append(Verdict(None, reason, detail, shown(item)))
    return tuple(kept), tuple(verdicts)


def stamp(data: Data, step: int) -> Data:
    """The examples with the step of their training in their provenance, and without ratings."""

    @cache
    def stamped(provenance: Provenance) -> Provenance:
        return replace(provenance, step=step, rating=None)

    return tuple(replace(e, provenance=stamped(e.provenance or Provenance())) for e in data)
