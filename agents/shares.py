"""Whole numbers scaled down to what a step can hold."""

from __future__ import annotations

from collections.abc import Sequence


def scale_down(counts: Sequence[int], limit: int) -> list[int]:
    """``counts``, each >= 0, scaled down in proportion so that they sum to ``limit`` at most.

    Largest remainders are rounded up until the sum is right (Hamilton's method; the first wins a
    tie). Counts that sum to no more than ``limit`` stay as they are.

    Example:
        >>> scale_down([30, 20, 10], 4)
        [2, 1, 1]
    """
    asked = sum(counts)
    if asked <= limit:
        return list(counts)
    scaled = [count * limit // asked for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: -(counts[i] * limit % asked))
    for i in by_remainder[: limit - sum(scaled)]:
        scaled[i] += 1
    return scaled


def divide_evenly(total: int, parts: int) -> list[int]:
    """``parts`` whole numbers that sum to ``total``; the first ones get one more.

    Example:
        >>> divide_evenly(7, 3)
        [3, 2, 2]
    """
    share, rest = divmod(total, max(parts, 1))
    return [share + (i < rest) for i in range(parts)]
