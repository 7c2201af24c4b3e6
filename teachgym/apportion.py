"""Whole numbers from shares: the one place where examples are rounded.

Systematic sampling (Madow 1949, Annals of Mathematical Statistics 20:333-354): the shares are
laid end to end in random order, and each gets as many examples as there are marks of a ruler,
one unit apart with a random start, on its stretch. So every count is its share rounded down or
up, the expected count *is* the share, and the counts add up. Largest remainders (Hamilton's
method) add up too, but give a small share nothing for ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NOISE = 1e-3
"""Amounts come as products of 32-bit floats: 2.9999 stands for 3."""


def scale_down(amounts: ArrayLike, limit: float) -> NDArray[np.float64]:
    """``amounts`` in proportion, so that they sum to at most ``limit``; negative ones count as 0.

    Example:
        >>> scale_down([30, 20, 10], 4).tolist()
        [2.0, 1.3333333333333333, 0.6666666666666666]
    """
    wanted = np.clip(np.asarray(amounts, dtype=np.float64), 0, None)
    asked = float(wanted.sum())
    return wanted if asked <= limit else wanted * (max(limit, 0.0) / asked)


def apportion(amounts: ArrayLike, limit: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Whole numbers whose expectation is ``scale_down(amounts, limit)``, of the same shape.

    Each is its amount rounded down or up. They sum to the sum of the amounts, itself rounded
    down or up at random where it is not whole, and never to more than ``limit``.

    Args:
        amounts: finite; negative ones count as 0.
        limit: the most that the counts may sum to, rounded down to a whole number.
        rng: decides; it is not asked where every amount is whole already.

    Example:
        >>> apportion([30, 10], 4, np.random.default_rng(0)).tolist()
        [3, 1]
    """
    exact = scale_down(amounts, np.floor(limit))
    whole = np.rint(exact)
    if np.abs(exact - whole).max(initial=0) < _NOISE and whole.sum() <= limit:
        return whole.astype(np.int64)
    flat = exact.ravel()
    total = flat.sum()
    if abs(total - np.rint(total)) < _NOISE:
        flat = flat * (np.rint(total) / total)
    order = rng.permutation(flat.size)
    ends = np.cumsum(flat[order])
    if abs(ends[-1] - np.rint(ends[-1])) < _NOISE:
        ends[-1] = np.rint(ends[-1])
    marks = np.floor(np.minimum(ends, ends[-1]) + rng.random()).astype(np.int64)
    counts: NDArray[Any] = np.empty(flat.size, dtype=np.int64)
    counts[order] = np.diff(marks, prepend=0)
    rounded: NDArray[np.int64] = counts.reshape(exact.shape)
    return rounded


def divide_evenly(total: int, parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``parts`` whole numbers that sum to ``total`` and differ by 1 at most; chance says which.

    By equal chance, a larger total gives no part less.

    Example:
        >>> sorted(divide_evenly(7, 3, np.random.default_rng(0)).tolist())
        [2, 2, 3]
    """
    each, more = divmod(total, max(parts, 1))
    rank: NDArray[np.int64] = rng.permutation(parts)
    return each + (rank < more)
