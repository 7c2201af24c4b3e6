"""``Retold``: finds held-out items in a text with a few words changed.

The distance is Levenshtein's between words, of an item to the nearest stretch of a text (Sellers
1980, "The theory and computation of evolutionary distances: pattern recognition"); what may
differ depends on what the task itself varies. Candidates are found by three words in a row: an
edit changes three of them at most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from teachgym.gate.wording import Term, is_exact, is_number, terms
from teachgym.protocols import Task
from teachgym.types import SPLITS, Example, Split

FEWEST_WORDS = 8
"""Items with fewer words are compared letter by letter alone."""
_SHARE = 20
"""One word in so many may differ, and one in any case."""
_FREE = 10
"""So many words that a task varies, and one of them more or less tells little."""
_SHINGLE = 3
_FEWEST_PROMPTS = 4
"""Prompts of a skill from which on they tell what its format is."""
_COMMON = 10
"""Items that may share a shingle, however few there are."""
_NEVER = 1_000
"""More edits than are ever allowed."""

Costs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Item:
    """A held-out prompt, without the words that all prompts of its skill begin and end with."""

    name: str
    words: tuple[str, ...]
    variable: tuple[bool, ...]
    """A mask of the words that fewer than half of the prompts of the skill have."""
    answer: str
    images: frozenset[str] = frozenset()
    """Those of its prompt, without which it is not asked."""

    @property
    def edits(self) -> int:
        """The number of words that may differ, >= 1."""
        return max(1, len(self.words) // _SHARE)

    @property
    def exact(self) -> frozenset[str]:
        """Numbers and signs of arithmetic."""
        return frozenset(filter(is_exact, self.words))

    @property
    def varied(self) -> frozenset[str]:
        """The other words that the task varies."""
        pairs = zip(self.words, self.variable, strict=True)
        return frozenset(w for w, varies in pairs if varies and not is_exact(w))

    def slack(self, same_answer: bool) -> int:
        """The number of words varied by the task that may differ, 0 or 1."""
        varying = compress(self.words, self.variable)
        numbers = sum(map(is_number, varying))
        return int(sum(self.variable) >= _FREE or (same_answer and numbers >= 2))


class Retold:
    """Finds the held-out item that an example repeats with a few words changed.

    One word in twenty may be another, more or less; at least one. A number or a sign of arithmetic
    never, since the item would be another. Of the words that the task varies one may: where there
    are ten or more, or where two are numbers or more and the example has the item's answer.

    Args:
        task: whose held-out items are looked for.
        exact: skills whose items are left out.
    """

    def __init__(self, task: Task, exact: Collection[str] = ()) -> None:
        self._items = tuple(_items(task, exact))
        shingles = [set(_shingles(item.words)) for item in self._items]
        counts = Counter(s for found in shingles for s in found)
        common = {s for s, n in counts.items() if n > max(_COMMON, len(shingles) // 2)}
        places: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, found in enumerate(shingles):
            for shingle in found - common:
                places[shingle].append(i)
        self._exact = [item.exact for item in self._items]
        self._varied = [item.varied for item in self._items]
        self._places = {s: np.array(found) for s, found in places.items()}
        self._needed = np.array(
            [
                len(found - common) - _SHINGLE * item.edits
                for found, item in zip(shingles, self._items, strict=True)
            ],
            dtype=np.int64,
        )

    def find(self, example: Example, found: Sequence[Term]) -> str | None:
        """The name of an item that the terms ``found`` contain, except for a few words."""
        if len(found) < FEWEST_WORDS - 1 or not self._items:
            return None
        texts = [term.text for term in found]
        known = frozenset(texts)
        answer = answer_of(example)
        for i in self._candidates(texts):
            item = self._items[i]
            slack = item.slack(answer == item.answer)
            if not item.images.issubset(example.images):
                continue
            if self._exact[i] <= known and len(self._varied[i] - known) <= slack:
                ends = ends_of(found, f" {item.answer} " in told_by(example))
                if distance(item, found, slack)[ends].min(initial=_NEVER) <= item.edits:
                    return item.name
        return None

    def _candidates(self, found: Sequence[str]) -> Iterator[int]:
        shared = np.zeros(len(self._items), dtype=np.int64)
        for shingle in set(_shingles(found)):
            if (places := self._places.get(shingle)) is not None:
                shared[places] += 1
        yield from np.flatnonzero(shared >= self._needed).tolist()


def distance(item: Item, text: Sequence[Term], slack: int) -> Costs:
    """The least cost of the edits that make an item of a stretch that ends at each place.

    Dropping, adding or replacing a word costs 1. For a number or a sign it costs more than is ever
    allowed, and so does to drop or replace a word that the task varies, or more than one of them.

    Args:
        item: looked for.
        text: where.
        slack: how many of the words that the task varies may differ, 0 or 1.

    Returns:
        Costs of shape (n_words + 1,); of the stretches that end before each word, and at the end.
    """
    dear = item.edits if slack else _NEVER
    added: Costs = np.where([term.exact for term in text], _NEVER, 1)  # (n_words,)
    before: Costs = np.concatenate([[0], np.cumsum(added)])  # (n_words + 1,)
    bound = [False, *(term.binds for term in text)]
    row: Costs = np.where(bound, _NEVER, 0)
    known = np.array([term.text for term in text])
    for word, varies in zip(item.words, item.variable, strict=True):
        cost = _NEVER if is_exact(word) else dear if varies else 1
        replaced = np.where(known == word, 0, np.maximum(cost, added))
        least = row + cost
        least[1:] = np.minimum(least[1:], row[:-1] + replaced)
        row = np.minimum.accumulate(least - before) + before
    return row


def ends_of(found: Sequence[Term], answered: bool) -> list[int]:
    """The places where an item may end in a text: not before a sign that continues it.

    Without its answer it must end a sentence or a question: a longer list asks for something else.
    """
    following = [*(term.binds for term in found[1:]), False]
    return [
        place
        for place, (term, binds) in enumerate(zip(found, following, strict=False), start=1)
        if not binds and (answered or term.closes)
    ]


def told_by(example: Example) -> str:
    """Every word of an example, between spaces."""
    responses = (example.target, example.rejected or "", *example.alternatives)
    texts = (example.question.transcript, *responses)
    return f" {' '.join(term.text for text in texts for term in terms(text))} "


def answer_of(example: Example) -> str:
    """The answer of a target: its last number, or all its words if it has none."""
    found = [term.text for term in terms(example.target)]
    return next(filter(is_number, reversed(found)), " ".join(found))


def _items(task: Task, exact: Collection[str]) -> Iterator[Item]:
    """The held-out items, skill by skill; ``train`` helps to tell what their format is."""
    groups: dict[str, list[tuple[Split, Example]]] = defaultdict(list)
    for split in SPLITS:
        for example in task.examples(split):
            if example.skill not in exact:
                groups[example.skill].append((split, example))
    for group in groups.values():
        texts = [[term.text for term in terms(e.question.transcript)] for _, e in group]
        first, last = _format(texts)
        counts = Counter(word for text in texts for word in set(text))
        few = len(texts) < _FEWEST_PROMPTS
        for (split, example), text in zip(group, texts, strict=True):
            core = text[first : len(text) - last]
            core = core if len(core) >= FEWEST_WORDS else text
            if split != "train" and len(core) >= FEWEST_WORDS:
                yield Item(
                    f"{split} item {example.id!r}",
                    tuple(core),
                    tuple(few or 2 * counts[word] <= len(texts) for word in core),
                    answer_of(example),
                    frozenset(example.images),
                )


def _format(texts: Sequence[list[str]]) -> tuple[int, int]:
    """The numbers of words with which all texts begin and, of the rest, end."""
    if len(texts) < _FEWEST_PROMPTS:
        return 0, 0
    first = _alike(texts)
    return first, _alike([text[first:][::-1] for text in texts])


def _shingles(found: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(found[i:] for i in range(_SHINGLE)), strict=False)


def _alike(texts: Sequence[list[str]]) -> int:
    """The number of words with which all texts begin."""
    least, most = min(texts), max(texts)
    pairs = zip(least, most, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(least), len(most)))
