"""Splits by construction: a stable hash of the prompt says which split it belongs to.

So no amount of training data can reach a validation or test item, whatever seeds were used, and
``item = f(seed, split, index)`` needs no bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np

from teachgym.errors import ConfigError
from teachgym.types import Example, Split

MAX_DRAWS = 10_000
"""Draws in a row that may fail before a cell is declared too small."""

_SPLIT_NUMBER: dict[Split, int] = {"train": 0, "val": 1, "test": 2}

K = TypeVar("K", bound=Hashable)


def split_of(prompt: str) -> Split:
    """A tenth of all prompts is ``val``, a tenth ``test``, the rest ``train``.

    Example:
        >>> [split_of(f"add {n}+1=") for n in range(5)]
        ['train', 'val', 'train', 'train', 'train']
    """
    bucket = crc32(prompt.encode()) % 10
    return "val" if bucket == 0 else "test" if bucket == 1 else "train"


def draw_in_split(draw: Callable[[], Example], split: Split) -> Example:
    """The first drawn example whose prompt belongs to ``split``.

    Raises:
        ConfigError: when none of ``MAX_DRAWS`` draws does, because there are too few prompts.
    """
    for _ in range(MAX_DRAWS):
        example = draw()
        if split_of(example.identity) == split:
            return example
    raise ConfigError(
        f"{MAX_DRAWS} draws like {example.prompt!r} gave none for {split}; the skill has too few "
        "different prompts at this level"
    )


def item_rng(seed: int, split: Split, *index: int) -> np.random.Generator:
    """The random stream of one item (or cell): f(seed, split, index)."""
    return np.random.default_rng(np.random.SeedSequence([seed, _SPLIT_NUMBER[split], *index]))


def draw_distinct(
    draw: Callable[[], Example], split: Split, count: int, *, taken: Collection[str] = ()
) -> list[Example]:
    """``count`` examples of ``split`` with different prompts, none of them ``taken``.

    Raises:
        ConfigError: when the prompts run out.
    """
    found: dict[str, Example] = {}
    in_vain = 0
    while len(found) < count:
        example = draw()
        new = example.identity not in found and example.identity not in taken
        if new and split_of(example.identity) == split:
            found[example.identity] = example
            in_vain = 0
        elif (in_vain := in_vain + 1) == MAX_DRAWS:
            raise ConfigError(
                f"only {len(found)} different prompts like {example.prompt!r} for {split}, "
                f"{count} are needed"
            )
    return list(found.values())


def pick(options: Sequence[K], rng: np.random.Generator) -> K:
    """One option at random."""
    return options[int(rng.integers(len(options)))]
