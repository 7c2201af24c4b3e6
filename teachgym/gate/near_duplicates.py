"""``NearDuplicates``: finds earlier prompts that are nearly equal to a new one.

MinHash (Broder 1997) with banded locality-sensitive hashing (Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, chapter 3) proposes candidates; the exact Jaccard similarity decides.
So no verdict rests on an estimate; what an estimate can do is to miss a pair, and bands are
chosen so that a pair at the threshold is missed with a probability below 0.01.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any
from zlib import crc32

from teachgym.errors import missing_extra
from teachgym.gate.seen import Seen
from teachgym.gate.wording import normalise
from teachgym.protocols import Task

_PERMUTATIONS = 128
_FOUND = 0.99
"""The least probability of finding a pair at the threshold."""

_FEWEST_WORDS = 8
_SHINGLE = 3
_FEWEST_PROMPTS = 10


def shingles(text: str) -> set[str]:
    """The word trigrams of a text's normal form, or its character trigrams below 8 words.

    A text shorter than three characters is its own only shingle.

    Example:
        >>> sorted(shingles("copy: ab"))
        [' ab', 'cop', 'opy', 'py ', 'y a']
    """
    text = normalise(text)
    found = text.split()
    if len(found) >= _FEWEST_WORDS:
        return {" ".join(found[i : i + _SHINGLE]) for i in range(len(found) - _SHINGLE + 1)}
    return {text[i : i + _SHINGLE] for i in range(max(len(text) - _SHINGLE, 0) + 1)}


def format_of(task: Task) -> frozenset[str]:
    """Shingles in more than half of the held-out prompts of one of the skills.

    They are how the task puts its questions, such as its instructions, and two prompts that share
    no more are not alike. Skills with fewer than ten prompts are too few to tell.
    """
    prompts: dict[str, list[str]] = {}
    for e in (*task.examples("val"), *task.examples("test")):
        prompts.setdefault(e.skill, []).append(e.prompt)
    return frozenset(
        shingle
        for group in prompts.values()
        if len(group) >= _FEWEST_PROMPTS
        for shingle, count in Counter(s for prompt in group for s in shingles(prompt)).items()
        if 2 * count > len(group)
    )


def _parted(prompt: str) -> tuple[str, str, str]:
    """The words of a prompt in the gate's form, a border, and what stands for its images."""
    return prompt.partition("\0")


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared elements over all elements, in [0, 1]; 0 for two empty sets."""
    return len(one & other) / (len(one | other) or 1)


def bands(similarity: float) -> tuple[int, int]:
    """Bands and rows that find a pair of this similarity with a probability of 0.99 or more.

    Of those, the one with the most rows, which proposes the fewest other pairs. A pair of Jaccard
    similarity s is found with probability 1 - (1 - s^rows)^bands.

    Example:
        >>> bands(0.8)
        (21, 6)
    """
    for rows in range(_PERMUTATIONS // 2, 1, -1):
        count = _PERMUTATIONS // rows
        if 1 - (1 - similarity**rows) ** count >= _FOUND:
            return count, rows
    return _PERMUTATIONS, 1


class NearDuplicates:
    """A set of prompts without nearly equal members.

    Two prompts are nearly equal if the Jaccard similarity of their shingles reaches the threshold
    with the task's format and without it. So neither long instructions that all prompts share make
    two questions alike, nor the same word in two questions ("double ab=", "triple ab=").

    Args:
        similarity: the threshold, in [0.1, 1].
        ignored: the format's shingles; see ``format_of``.

    Raises:
        MissingExtraError: if datasketch is not installed.
    """

    def __init__(self, similarity: float, ignored: AbstractSet[str] = frozenset()) -> None:
        try:
            from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]
        except ImportError as error:
            raise missing_extra("datasketch", "duplicates") from error
        self._similarity, self._ignored = similarity, ignored
        self._empty = MinHash(_PERMUTATIONS, hashfunc=crc32)
        self._index = MinHashLSH(num_perm=_PERMUTATIONS, params=bands(similarity))
        self._held, self._count = Seen(), 0
        self._admitted: set[str] = set()

    def hold(self, seen: Seen) -> None:
        """Become the set of these prompts; only prompts that are new take time."""
        if seen is self._held:
            self._change(self._admitted, seen.since(self._count))
        else:
            self._change(self._admitted | set(islice(self._held, self._count)), seen.since(0))
        self._held, self._count, self._admitted = seen, len(seen), set()

    def admit(self, prompt: str) -> tuple[str, float] | None:
        """Add a new normalised prompt, unless a nearly equal one is there.

        Returns:
            None, or the prompt most like it and how much.
        """
        signature = self._signature(prompt)
        compared = [(self.similarity(prompt, c), c) for c in self._index.query(signature)]
        similarity, other = max(compared, default=(0.0, ""))
        if similarity >= self._similarity:
            return other, similarity
        self._index.insert(prompt, signature)
        self._admitted.add(prompt)
        return None

    def _change(self, there: set[str], wanted: Collection[str]) -> None:
        """Have the prompts of ``wanted`` in the index in place of those of ``there``."""
        for prompt in there.difference(wanted):
            self._index.remove(prompt)
        for prompt in wanted:
            if prompt not in there:
                self._index.insert(prompt, self._signature(prompt))

    def similarity(self, one: str, other: str) -> float:
        """The lower of the two Jaccard similarities, with and without the format.

        Of prompts with different images it is 0.
        """
        (text, _, images), (other_text, _, other_images) = map(_parted, (one, other))
        if images != other_images:
            return 0.0
        a, b = shingles(text), shingles(other_text)
        return min(jaccard(a, b), jaccard(a - self._ignored, b - self._ignored))

    def _signature(self, prompt: str) -> Any:
        signature = self._empty.copy()
        signature.update_batch([s.encode() for s in shingles(_parted(prompt)[0]) - self._ignored])
        return signature
