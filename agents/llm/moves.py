"""Limits the total of moves to what a step holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from teachgym.apportion import scale_down
from teachgym.types import Explore, Move


def fit_moves(moves: Sequence[Move], limit: int, *, most: int | None = None) -> tuple[Move, ...]:
    """The moves with at most ``most`` examples for each subskill, then scaled down to a step.

    In all they ask for ``limit`` examples at most, for parts of one where that is the share: the
    environment rounds. Standing allocations of roots that do not
    exploit are not theirs to change: where those and the moves together are more than a step
    holds, the environment scales down all of it.
    """
    asked = [n if most is None else min(n, most) for move in moves for n in _asked(move)]
    counts = iter(scale_down(asked, limit).tolist())
    return tuple(_with(move, [next(counts) for _ in _asked(move)]) for move in moves)


def _asked(move: Move) -> list[float]:
    """Examples per subskill, new or known."""
    if isinstance(move, Explore):
        return [move.examples] * move.subskills
    return [*move.allocation.values()]


def _with(move: Move, counts: Sequence[float]) -> Move:
    if isinstance(move, Explore):
        return replace(move, examples=min(counts))
    return replace(move, allocation=dict(zip(move.allocation, counts, strict=True)))
