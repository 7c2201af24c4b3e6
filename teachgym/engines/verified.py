"""``VerifiedEngine``: examples that the task rejects are made again, a few times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from teachgym.engines.around import AroundEngine
from teachgym.engines.orders import fill
from teachgym.settings import Few, checked
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Data, Example, Incident, Plan, leaf_skills


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class VerifiedEngine(AroundEngine):
    """Lets another engine repeat examples that fail the task's check, and keeps those that pass.

    The verified data of VeriCoder (Wei et al. 2025, arXiv 2504.15659): at most five attempts at
    each example, every one of them paid for, and what never passes is left out. Difference: an
    attempt is a new exercise of the same order, where the paper has the teacher mend the old one
    with the log of its failure; that is what the engine ``llm`` does with ``repairs``. The check
    is the task's, where the paper's teacher writes the tests as well, and may misread both alike.
    """

    name = "verified"

    engine: Any = "imperfect"
    """The name of the other engine, or what names it in ``ENGINES``."""
    attempts: Few = 5
    """The most for each example, >= 1; 1 leaves out what fails."""

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` right examples per order."""
        streams, kept = Streams(rng), [list[Example]() for _ in plan.orders]
        cells = list(product(leaf_skills(self.task.skills), self.task.levels))
        for attempt in range(self.attempts):
            for order, found in zip(plan.orders, kept, strict=True):
                missing = order.count - len(found)
                if attempt and not missing:
                    continue
                cell = order.skill, order.difficulty
                # The first part says nothing that the others do not; recorded results depend on it.
                first = order.subskill or (cells.index(cell) if cell in cells else None)
                own = streams.of(first, order.engine, *cell)
                made = fill(self.other, Plan((replace(order, count=missing),)), own)
                found += [example for example in made if self._passes(example)]
        return tuple(example for of_order in kept for example in of_order)

    def _passes(self, example: Example) -> bool:
        """Whether the task calls it right; what is not is noted."""
        if example.kind != EXERCISE or self.task.verify(example) >= 1:
            return True
        if self.meter is not None:
            detail = f"{example.target!r:.200} for {example.prompt!r:.200}"
            self.meter.note(Incident("unverified", detail))
        return False
