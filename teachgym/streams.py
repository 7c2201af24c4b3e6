"""Random streams that are named after what they draw: common random numbers.

One stream for everything makes each draw depend on all that were made before it, so that two plans
which differ in their first order differ in all examples that follow. Here a draw depends on the
seed and on its own name alone. Two arms of a comparison that ask for the same therefore get the
same, and what they differ in is what they chose (common random numbers; Glasserman and Yao 1992,
Management Science 38:884-908).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

import numpy as np

Name = str | int | float | None
"""A part of the name of a stream."""


class Streams:
    """The streams of one call, each made when it is first asked for and going on afterwards.

    Args:
        rng: gives one integer, which all streams depend on; nothing else is drawn from it.

    Example:
        >>> one, other = (Streams(np.random.default_rng(0)) for _ in range(2))
        >>> _ = one.of("sub", 0.5).random()
        >>> one.of("add", None).random() == other.of("add", None).random()
        True
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._entropy = draw_entropy(rng)
        self._streams: dict[tuple[Name, ...], np.random.Generator] = {}

    def of(self, *name: Name) -> np.random.Generator:
        """The stream of that name."""
        if name not in self._streams:
            key = int.from_bytes(_digest(repr(name), self._entropy))
            self._streams[name] = np.random.default_rng(key)
        return self._streams[name]


def draw_entropy(rng: np.random.Generator) -> int:
    """Draw the number from which streams and orders are made."""
    return int(rng.integers(2**63))


def draw_seed(rng: np.random.Generator) -> int:
    """Draw the seed of what others draw: a chat model, a student that samples, a library."""
    return int(rng.integers(2**31))


def order_of(identities: Sequence[str], entropy: int) -> list[int]:
    """Places of the identities in random order; which of two comes first depends on them alone.

    Every order is as likely as any other. What occurs several times counts as several things: the
    first of each, the second of each, and so on.

    Example:
        >>> few, many = ["a", "b", "c"], ["x", "a", "y", "c", "z", "b"]
        >>> shared = [many[i] for i in order_of(many, 7) if many[i] in few]
        >>> shared == [few[i] for i in order_of(few, 7)]
        True
    """
    seen = Counter[str]()
    keys = []
    for identity in identities:
        keys.append(_digest(f"{seen[identity]} {identity}", entropy))
        seen[identity] += 1
    return sorted(range(len(keys)), key=keys.__getitem__)


def chance(*key: object) -> float:
    """A number in [0, 1), uniform over keys, which are told apart by their ``repr``.

    The same in every process, so what it decides can be repeated and nothing has to be stored.
    """
    return share_of(repr(key))


def share_of(text: str) -> float:
    """A number in [0, 1), uniform over texts, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48


def _digest(text: str, entropy: int) -> bytes:
    """128 random bits, a function of text and entropy."""
    return blake2b(text.encode(), digest_size=16, key=entropy.to_bytes(8)).digest()


RngName = Literal["data", "train", "skills", "replay", "orders", "text", "filters", "rehearsal"]
"""The named random streams of an episode."""

_STREAMS: dict[RngName, int] = {
    "data": 0,
    "train": 1,
    "skills": 2,
    "replay": 3,
    "orders": 4,
    "text": 5,
    "filters": 6,
    "rehearsal": 7,
}


def stream(name: RngName, entropy: int, step: int) -> np.random.Generator:
    """The random stream ``name`` of a step of the episode with this ``entropy``."""
    key = (_STREAMS[name], step)
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))
