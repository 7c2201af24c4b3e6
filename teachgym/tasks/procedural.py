"""Splits by construction: a stable hash of the prompt decides its split.

So no amount of training data can reach a validation or test item, whatever seeds were used, and
``item = f(seed, split, index)`` needs no bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from operator import attrgetter
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from teachgym.errors import ConfigError
from teachgym.types import Split

MAX_DRAWS = 10_000
"""Draws in a row that may fail before a cell is declared too small."""

_SPLIT_NUMBER: dict[Split, int] = {"train": 0, "val": 1, "test": 2}

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Numbers = Callable[[int, int], list[int]]
"""``(below, count)``: so many whole numbers, each of 0, ..., below - 1 by equal chance."""

_AT_ONCE = 1024
"""Random numbers that are drawn at a time."""
_IDENTITY: Callable[[Any], str] = attrgetter("identity")


def split_of(prompt: str) -> Split:
    """The split of a prompt: a tenth of all is ``val``, a tenth ``test``, the rest ``train``.

    Example:
        >>> [split_of(f"add {n}+1=") for n in range(5)]
        ['train', 'val', 'train', 'train', 'train']
    """
    bucket = crc32(prompt.encode()) % 10
    return "val" if bucket == 0 else "test" if bucket == 1 else "train"


def draw_in_split(
    draw: Callable[[], T], split: Split, *, identity: Callable[[T], str] = _IDENTITY
) -> T:
    """The first drawn example whose prompt belongs to ``split``.

    Args:
        draw: an example, or what one can be made of.
        split: where it should be.
        identity: what decides where it is: the identity of the example.

    Raises:
        ConfigError: when none of ``MAX_DRAWS`` draws does, because there are too few prompts.
    """
    for _ in range(MAX_DRAWS):
        drawn = draw()
        if split_of(identity(drawn)) == split:
            return drawn
    raise ConfigError(
        f"{MAX_DRAWS} draws like {identity(drawn)!r} gave none for {split}; the skill has too few "
        "different prompts at this level"
    )


def item_rng(seed: int, split: Split, *index: int) -> np.random.Generator:
    """The random stream of one item (or cell): f(seed, split, index)."""
    return np.random.default_rng(np.random.SeedSequence([seed, _SPLIT_NUMBER[split], *index]))


def numbers_of(rng: np.random.Generator) -> Numbers:
    """A random generator that draws numbers when they are asked for."""
    return lambda below, count: rng.integers(0, below, count).tolist()


def many_numbers_of(rng: np.random.Generator) -> Numbers:
    """A random generator that draws many numbers at once, others than ``numbers_of`` gives."""
    left: list[float] = []

    def draw(below: int, count: int) -> list[int]:
        if len(left) < count:
            left[:] = rng.random(max(count, _AT_ONCE)).tolist()
        start = len(left) - count
        taken = left[start:]
        del left[start:]
        return [int(number * below) for number in taken]

    return draw


def draw_distinct(
    draw: Callable[[], T],
    split: Split,
    count: int,
    *,
    taken: Collection[str] = (),
    identity: Callable[[T], str] = _IDENTITY,
) -> list[T]:
    """``count`` examples of ``split`` with different prompts, none of them ``taken``.

    Args:
        draw: an example, or what one can be made of.
        split: where they should be.
        count: how many.
        taken: identities of examples that are not wanted.
        identity: what decides where a draw is: the identity of the example.

    Raises:
        ConfigError: when the prompts run out.
    """
    found: dict[str, T] = {}
    in_vain = 0
    while len(found) < count:
        drawn = draw()
        own = identity(drawn)
        if own not in found and own not in taken and split_of(own) == split:
            found[own] = drawn
            in_vain = 0
        elif (in_vain := in_vain + 1) == MAX_DRAWS:
            raise ConfigError(
                f"only {len(found)} different prompts like {own!r} for {split}, {count} are needed"
            )
    return list(found.values())


def pick(options: Sequence[K], rng: np.random.Generator) -> K:
    """Choose an option at random."""
    return options[int(rng.integers(len(options)))]
