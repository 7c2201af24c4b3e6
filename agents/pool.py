"""``pool``: hands in finished examples, more of them where the student errs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Lessons
from teachgym.errors import ConfigError, UnknownSkillError, require_known
from teachgym.protocols import Teacher
from teachgym.records import read_examples
from teachgym.settings import Share, at_most, checked
from teachgym.shown import shown
from teachgym.types import Data, Example, Report


class Pool(Teacher[Report, Data]):
    """Draws from a fixed pool of examples, each at most once per episode.

    A draw picks a skill in proportion to its errors, 1 - accuracy, among the skills that have
    examples left, then one of its examples; with chance ``exploration`` it picks any example. A
    skill that was not measured counts like the report as a whole. An empty pool gives no data.

    Args:
        lessons: sizes of the environment.
        pool: examples of the environment's skills, or the path of a JSON Lines file of them.
        exploration: in [0, 1].
        per_step: examples per step, >= 1; None = as many as the environment takes.

    Raises:
        ConfigError: for an empty pool, or when asked to act on anything but a ``Report``.
        UnknownSkillError: for an example of a skill the environment does not have.
    """

    name = "pool"

    @checked
    def __init__(
        self,
        lessons: Lessons,
        *,
        pool: Sequence[Example] | str,
        exploration: Share = 0.2,
        per_step: int | None = None,
    ) -> None:
        if isinstance(pool, str) and not os.path.isfile(pool):
            raise ConfigError(f"pool is {shown(pool)}; there is no such file")
        examples = read_examples(Path(pool)) if isinstance(pool, str) else tuple(pool)
        if not examples:
            raise ConfigError("pool is empty; give at least one example")
        skills = (example.skill for example in examples)
        require_known("skill", skills, lessons.skills, UnknownSkillError)
        self.pool = examples
        self.exploration = exploration
        limit = lessons.per_step if per_step is None else per_step
        self.per_step = at_most("per_step", limit, lessons.per_step)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Put all examples back into the pool."""
        self._rng = np.random.default_rng(seed)
        self._left = list(self.pool)

    def act(self, observation: Report) -> Data:
        """Return at most ``per_step`` examples."""
        # An exponential race: the first k to arrive at rates p are k draws without replacement.
        with np.errstate(divide="ignore"):  # rate 0 arrives last
            arrivals = self._rng.exponential(size=len(self._left)) / self._chances(observation)
        order = np.argsort(arrivals, kind="stable").tolist()
        chosen, rest = order[: self.per_step], sorted(order[self.per_step :])
        handed_in = tuple(self._left[i] for i in chosen)
        self._left = [self._left[i] for i in rest]
        return handed_in

    def _chances(self, report: Report) -> NDArray[np.float64]:
        """Chance of each example that is left to be the next one drawn, (n_left,)."""
        scores = report.by_skill()
        overall = report.accuracy if report.overall.n else 0.0
        left = Counter(example.skill for example in self._left)
        error = {
            skill: 1 - (scores[skill].mean if skill in scores and scores[skill].n else overall)
            for skill in left
        }
        total = sum(error.values())
        by_skill = {s: error[s] / total if total > 0 else 1 / len(left) for s in left}
        focus = np.array([by_skill[e.skill] / left[e.skill] for e in self._left])
        equal = 1 / max(len(self._left), 1)
        return (1 - self.exploration) * focus + self.exploration * equal
