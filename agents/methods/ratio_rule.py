"""``ratio-rule``: new answers to known questions while calls are few, then new questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import draw
from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.settings import CountFromOne, Positive, checked
from teachgym.types import Example, Order, Plan


class RatioRule(Teacher[Any, Plan]):
    """Orders from the engine ``answers`` while q / s < tau, then from ``questions``.

    The finding of Chan et al. 2024 (arXiv 2409.19759) as a rule: with s seeds and a budget of q
    queries to a teacher model, more answers to the seeds are worth the most where q / s is low, and
    new questions made from them where it is high. The paper compares budgets that are known
    beforehand and states no such rule; where the two cross differs with its tasks, so ``tau`` is
    ours. Seeds take turns, in an order drawn by chance, so that all of them are varied alike.

    Args:
        classroom: the task without its held-out splits; its training pool holds the seeds.
        tau: > 0.
        queries: examples that are ordered in all, q; None = as many as have been after this step,
            so that the rule changes over during the episode.
        seeds: how many, s; None = all of the training pool.
        answers: the engine that answers a seed anew, ``other-answers`` or by chat model ``{"name":
            "llm", "style": "answer"}``, and the gate has to allow duplicates; by default the seed
            as it is.
        questions: the engine that makes a new question of a seed: ``{"name": "llm"}``, or
            ``procedural``, which is the default.
    """

    name = "ratio-rule"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        tau: Positive = 4.0,
        queries: CountFromOne | None = None,
        seeds: CountFromOne | None = None,
        answers: str = "answers",
        questions: str = "questions",
    ) -> None:
        if not classroom.syllabus.train:
            raise ConfigError("the task has no training examples, and ratio-rule varies them")
        self.classroom, self.tau, self.queries = classroom, tau, queries
        self.n_seeds = min(seeds or len(classroom.syllabus.train), len(classroom.syllabus.train))
        self.answers, self.questions = answers, questions
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw other seeds for another seed."""
        chosen = draw(self.classroom, self.n_seeds, np.random.default_rng(seed))
        self._turns = _in_turns(chosen)
        self._asked = 0

    def act(self, observation: Any) -> Plan:
        """Order a whole step of variations of the seeds whose turn it is."""
        self._asked += self.classroom.per_step
        ratio = (self.queries or self._asked) / self.n_seeds
        engine = self.answers if ratio < self.tau else self.questions
        counts = Counter(islice(self._turns, self.classroom.per_step))
        return Plan(
            tuple(
                Order(e.skill, count, e.difficulty, seeds=(e.id,), engine=engine)
                for e, count in counts.items()
            )
        )


def _in_turns(examples: tuple[Example, ...]) -> Iterator[Example]:
    while True:
        yield from examples
