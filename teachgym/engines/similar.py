"""``SimilarEngine``: another problem of the same kind for each seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from teachgym.engines.seeded import SeededEngine
from teachgym.errors import ConfigError
from teachgym.gate.wording import tokens
from teachgym.protocols import Task
from teachgym.settings import Few, ShareAboveZero, checked
from teachgym.types import Example, Order

_words = lru_cache(4096)(tokens)
"""The words of a prompt, kept since each is compared with every seed of its skill."""


class SimilarEngine(SeededEngine):
    """Makes similar but different problems for the seeds of an order, after LLM2LLM.

    What the teacher model of Lee et al. 2024 (arXiv 2403.15042, section 3.3) is asked for, as a
    task that makes its own exercises can do it: another exercise of the seed's skill and level,
    turned away if its prompt is too much like a seed's or one made before (ROUGE-L above 0.95, as
    in the authors' code). Differences: words are those of the gate, numbers and signs among them;
    a seed that nothing else resembles is tried ``tries`` times and then given up.

    Args:
        task: makes the exercises; its ``train`` holds the seeds.
        most_alike: the highest ROUGE-L F measure to another prompt, in (0, 1].
        tries: exercises drawn for one that is kept, >= 1.

    Raises:
        ConfigError: for a task that cannot make exercises, or has no training examples.
    """

    name = "similar"

    @checked
    def __init__(self, task: Task, *, most_alike: ShareAboveZero = 0.95, tries: Few = 8) -> None:
        if not task.is_procedural:
            raise ConfigError(f"task {task.name!r} makes no exercises; use engine='llm'")
        super().__init__(task)
        self._most_alike, self._tries = most_alike, tries

    def vary(
        self, seed: Example, order: Order, known: list[Example], rng: np.random.Generator
    ) -> Example | None:
        """An exercise like the seed, but not too similar to any known one."""
        others = [_words(other.prompt) for other in known if other.skill == seed.skill]
        for _ in range(self._tries):
            made = self.task.make(seed.skill, seed.difficulty, rng)
            words = _words(made.prompt)
            if not any(is_alike(words, other, self._most_alike) for other in others):
                return made
        return None


def is_alike(one: Sequence[str], other: Sequence[str], most: float) -> bool:
    """Whether the ROUGE-L F measure of two texts is above ``most``."""
    # A common subsequence has no more words than the texts share in any order, which is fast.
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared > most * (len(one) + len(other)) and rouge_l(one, other) > most


def rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """The F measure of the longest common subsequence of words (Lin 2004, ROUGE, section 3).

    Example:
        >>> rouge_l("the cat sat".split(), "the dog sat".split())
        0.6666666666666666
    """
    if not one or not other:
        return 0.0
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for i, candidate in enumerate(other, 1):
            before, row[i] = row[i], before + 1 if word == candidate else max(row[i], row[i - 1])
    return 2 * row[-1] / (len(one) + len(other))
