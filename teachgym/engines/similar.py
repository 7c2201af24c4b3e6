"""``SimilarEngine``: for each seed another problem of its kind, which does not repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

import numpy as np

from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.engines.pool import PoolEngine
from teachgym.errors import ConfigError
from teachgym.gate.wording import tokens
from teachgym.protocols import DataEngine, Task
from teachgym.settings import Few, ShareAboveZero, checked
from teachgym.streams import Streams
from teachgym.types import Data, Example, Order, Plan, Provenance


class SimilarEngine(DataEngine):
    """Makes similar but different problems for the seeds of an order, after LLM2LLM.

    What the teacher model of Lee et al. 2024 (arXiv 2403.15042, section 3.3) is asked for, as a
    task that makes its own exercises can do it: another exercise of the seed's skill and level,
    turned away if its prompt is too much like a seed's or one made before (ROUGE-L above 0.95, as
    in the authors' code). Differences: words are those of the gate, numbers and signs among them;
    a seed that nothing else resembles is tried ``tries`` times and then given up. An order without
    seeds has them drawn from the task's ``train``.

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
        train = task.examples("train")
        if not task.is_procedural or not train:
            raise ConfigError(
                f"task {task.name!r} makes no exercises or has no training examples to resemble; "
                "use engine='llm'"
            )
        self._task, self._most_alike, self._tries = task, most_alike, tries
        self._leaves = leaves_under(task.skills)
        self._pool = PoolEngine(task.skills, train)
        self._by_id = {example.id: example for example in train if example.id}

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, its seeds taking turns.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
        """
        streams, data, known = Streams(rng), list[Example](), list[list[str]]()
        for order in plan.orders:
            seeds = self.seeds_of(order, streams)
            known += [tokens(seed.prompt) for seed in seeds]
            for seed in islice(cycle(seeds), order.count):
                own = streams.of(seed.id, seed.skill, seed.difficulty)
                made = self._unlike(seed, known, own)
                if made is not None:
                    origin = Provenance((seed.id,), self.name)
                    data.append(signed(replace(made, provenance=origin), order, self.name))
        return tuple(data)

    def seeds_of(self, order: Order, streams: Streams) -> Data:
        """The order's seeds that the task has, or training examples of its skill."""
        named = tuple(self._by_id[seed] for seed in order.seeds if seed in self._by_id)
        if named:
            return named
        parts = divide(order, self._leaves, streams)
        return tuple(
            seed
            for leaf, count in parts
            for seed in self._pool.generate(
                Plan((Order(leaf, count, order.difficulty),)), streams.of("seeds", leaf)
            )
        )

    def _unlike(
        self, seed: Example, known: list[list[str]], rng: np.random.Generator
    ) -> Example | None:
        """An exercise like the seed and like no other; what is made becomes known."""
        for _ in range(self._tries):
            made = self._task.make(seed.skill, seed.difficulty, rng)
            words = tokens(made.prompt)
            if all(rouge_l(words, other) <= self._most_alike for other in known):
                known.append(words)
                return made
        return None


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
