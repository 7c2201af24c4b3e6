"""``diverse``: chooses examples that are far apart from each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from teachgym.gate.filters.filter import Filter, Memory
from teachgym.protocols import Probes
from teachgym.settings import ShareAboveZero, checked
from teachgym.types import Data


@checked
@dataclass(frozen=True, slots=True)
class Diverse(Filter):
    """Keeps a share of the answers to each question that are farthest apart in edit distance.

    The fourth step of DED (arXiv 2508.09883): of M sampled traces of a question, the P farthest
    apart by Levenshtein distance. How the paper searches for them is not known to us; here each
    next one is that whose nearest among the chosen is farthest, from the longest on, which is
    within a factor of two of the best least distance (Ravi et al. 1994, Operations Research
    42:299-310). Several answers to a question only pass the gate with ``duplicates="allow"``;
    so ``within="skill"``, which the paper has not, compares examples of a skill, prompts included.
    """

    share: ShareAboveZero = 0.5
    """The share of each group, rounded up, in (0, 1]."""
    within: Literal["question", "skill"] = "question"
    """The texts that are compared: targets of a question, or prompts with targets of a skill."""

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``; the student is not asked."""
        faults: list[str | None] = [None] * len(data)
        groups: dict[str, list[int]] = defaultdict(list)
        for place, example in enumerate(data):
            groups[example.identity if self.within == "question" else example.skill].append(place)
        for places in groups.values():
            texts = [
                data[i].target if self.within == "question" else data[i].prompt + data[i].target
                for i in places
            ]
            chosen = farthest(texts, math.ceil(round(self.share * len(places), 6)))
            for number, place in enumerate(places):
                if number not in chosen:
                    faults[place] = f"{len(chosen)} of its {self.within} are farther apart"
        return faults


def farthest(texts: Sequence[str], count: int) -> set[int]:
    """The places of ``count`` texts, each as far as possible from those before; ties: earlier.

    Example:
        >>> sorted(farthest(["aaaa", "aaab", "bbbb"], 2))
        [0, 2]
    """
    first = max(range(len(texts)), key=lambda i: len(texts[i]))
    chosen, nearest = {first}, [float(edit_distance(text, texts[first])) for text in texts]
    while len(chosen) < count:
        last = max((i for i in range(len(texts)) if i not in chosen), key=lambda i: nearest[i])
        chosen.add(last)
        nearest = [
            min(old, edit_distance(text, texts[last]))
            for old, text in zip(nearest, texts, strict=True)
        ]
    return chosen


def edit_distance(one: str, other: str) -> int:
    """Insertions, deletions and replacements from one text to the other (Levenshtein).

    Example:
        >>> edit_distance("kitten", "sitting")
        3
    """
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        before, row[0] = row[0], place
        for i, wanted in enumerate(other, 1):
            before, row[i] = row[i], min(row[i] + 1, row[i - 1] + 1, before + (character != wanted))
    return row[-1]
