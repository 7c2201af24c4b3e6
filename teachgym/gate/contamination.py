"""``Contamination``: words in a row that an example shares with an item of ``val`` or ``test``.

After Brown et al. 2020 (GPT-3, arXiv 2005.14165, appendix C), with two differences. There a
training document loses the span and its surroundings; here the example is kept out whole, since
the gate alters nothing. And there n-grams of more than 10 documents are left out; here the words
of the task's format do not count, so that one word after long instructions is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from teachgym.gate.wording import keys, words
from teachgym.protocols import Task
from teachgym.types import Example

_FORMAT = 5
"""As many words in a row make up the format, where they are in many items."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Any large odd number; products wrap around at 2**64."""

_UNKNOWN = 0
"""The number of every word that no held-out item has."""


class Contamination:
    """The check that an example shares no ``ngram`` words in a row with a held-out item.

    Example and item are each read as they stand, the prompt and then the target. The task's format
    is no evidence: words that stand in five words in a row of more than ``common`` of the task's
    items (all splits) do not count, and what is in ``train`` as well is nobody's secret.

    The index is made for the first example that is long enough to need it: 16 bytes for each place
    in the items, with a 64-bit hash. A match is confirmed word by word.

    Args:
        task: whose held-out items are not to be in the training data.
        ngram: words, >= 2.
        common: items, >= 1.
    """

    def __init__(self, task: Task, ngram: int, common: int) -> None:
        self._task, self._ngram, self._common = task, ngram, common

    def __call__(self, example: Example) -> str | None:
        """The place of a held-out item's words in the example; no words of a target are told."""
        found = _words_of(example)
        if len(found) < self._ngram:
            return None
        if (match := self._index.first_match(found, example.images)) is None:
            return None
        passage = match.passage
        shown = min(max(passage.answer - match.place, 0), match.length)
        quoted = " ".join(found[match.start : match.start + shown])
        rest = f" and {match.length - shown} of its target" if shown < match.length else ""
        return f"{match.length} words in a row are those of {passage.name}: {quoted!r}{rest}"

    @cached_property
    def _index(self) -> _Index:
        return _Index(self._task, self._ngram, self._common)


@dataclass(frozen=True, slots=True)
class _Passage:
    """A held-out item as the numbers of its words."""

    name: str
    numbers: np.ndarray
    """Shape (n_words,), >= 1."""
    answer: int
    """The place where its target begins."""
    images: frozenset[str]
    """Those of its prompt; an example that has others asks for something else."""
    evidence: np.ndarray
    """The number of words before each that are not of the format, shape (n_words + 1,)."""


@dataclass(frozen=True, slots=True)
class _Match:
    """``length`` words from ``start`` are those of a passage from ``place``."""

    start: int
    length: int
    passage: _Passage
    place: int


class _Index:
    """Every n words in a row of the held-out items, to be found by their hash."""

    def __init__(self, task: Task, ngram: int, common: int) -> None:
        self._ngram = ngram
        self._numbers: dict[str, int] = {}
        held_out = [
            (f"{split} item {e.id!r}", e) for split in ("val", "test") for e in task.examples(split)
        ]
        for _, example in held_out:
            for word in keys(_words_of(example)):
                self._numbers.setdefault(word, len(self._numbers) + 1)
        train = [self._number(_words_of(e)) for e in task.examples("train")]
        texts = [self._number(_words_of(e)) for _, e in held_out]
        length = min(_FORMAT, ngram)
        frequent = _frequent([*texts, *train], length, common)
        self._passages = [
            _Passage(
                name,
                text,
                len(words(e.question.transcript)),
                frozenset(e.images),
                _evidence(text, length, frequent),
            )
            for (name, e), text in zip(held_out, texts, strict=True)
        ]
        self._enter(_joined([_hashes(text, ngram) for text in train]))

    def _enter(self, public: np.ndarray) -> None:
        """Sort the places of all passages by hash, except ``public`` hashes and mere format."""
        hashes = [_hashes(p.numbers, self._ngram) for p in self._passages]
        n = self._ngram
        telling = [p.evidence[n:] > p.evidence[:-n] for p in self._passages]
        places = [np.arange(len(h)) for h in hashes]
        owners = [np.full(len(h), i) for i, h in enumerate(hashes)]
        joined = _joined(hashes)
        kept = np.flatnonzero(_joined(telling).astype(bool) & ~np.isin(joined, public))
        kept = kept[np.argsort(joined[kept], kind="stable")]
        self._hashes = joined[kept]  # (n_places,), ascending
        self._owners = _joined(owners)[kept].astype(np.int32)  # (n_places,): index of the passage
        self._places = _joined(places)[kept].astype(np.int32)  # (n_places,): position in it

    def first_match(self, found: list[str], images: Iterable[str]) -> _Match | None:
        """The first place from which a text goes on like a passage for n words that count."""
        text = self._number(found)
        hashes = _hashes(text, self._ngram)
        first = np.searchsorted(self._hashes, hashes, "left")
        last = np.searchsorted(self._hashes, hashes, "right")
        for start in np.flatnonzero(first < last).tolist():
            for i in range(first[start], last[start]):
                passage, place = self._passages[self._owners[i]], int(self._places[i])
                if not passage.images.issubset(images):
                    continue
                length = _alike(text[start:], passage.numbers[place:])
                if passage.evidence[place + length] - passage.evidence[place] >= self._ngram:
                    return _Match(start, length, passage, place)
        return None

    def _number(self, found: list[str]) -> np.ndarray:
        """The words' numbers, shape (n_words,)."""
        return np.array([self._numbers.get(w, _UNKNOWN) for w in keys(found)], dtype=np.uint64)


def _words_of(example: Example) -> list[str]:
    texts = (example.question.transcript, example.target, *example.alternatives)
    return [word for text in texts for word in words(text)]


def _frequent(texts: Iterable[np.ndarray], length: int, most: int) -> np.ndarray:
    """Hashes of what is in more than ``most`` texts, shape (n,)."""
    each = _joined([np.unique(_hashes(text, length)) for text in texts])
    distinct, counts = np.unique(each, return_counts=True)
    return distinct[counts > most]


def _evidence(text: np.ndarray, length: int, frequent: np.ndarray) -> np.ndarray:
    """The number of words before each that are in nothing frequent, shape (n_words + 1,)."""
    counts = np.ones(len(text), dtype=np.int64)
    found = np.flatnonzero(np.isin(_hashes(text, length), frequent))
    for i in range(length):
        counts[found + i] = 0
    return np.concatenate([[0], np.cumsum(counts)])


def _alike(one: np.ndarray, other: np.ndarray) -> int:
    """The number of words from the first on that are the same."""
    shared = min(len(one), len(other))
    differs = np.flatnonzero(one[:shared] != other[:shared])
    return int(differs[0]) if differs.size else shared


def _hashes(numbers: np.ndarray, ngram: int) -> np.ndarray:
    """A polynomial hash of every ``ngram`` numbers in a row, shape (n - ngram + 1,) or (0,)."""
    count = max(len(numbers) - ngram + 1, 0)
    total = np.zeros(count, dtype=np.uint64)
    for i in range(ngram if count else 0):
        total = total * _MULTIPLIER + numbers[i : i + count]
    return total


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.uint64)
