"""``ImperfectEngine``: imitates a teacher that errs and knows its error probability."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from teachgym.engines.around import AroundEngine
from teachgym.engines.mistakes import Mistakes
from teachgym.engines.orders import fill
from teachgym.gate.filters.llkd_like import CONFIDENCE
from teachgym.settings import Positive, ShareBetween, checked
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Cost, Data, Example, Plan


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class ImperfectEngine(AroundEngine):
    r"""Answers the exercises of another engine as a writer with known errors would.

    Each exercise has a chance q of its own to be answered wrongly, so that the writer is
    calibrated: of the exercises of which it is sure by 1 - q, the share 1 - q is right::

        q ~ Beta(concentration * wrong, concentration * (1 - wrong))

    The wrong target is that of another exercise of its skill and level in the batch that the task
    does not call right (else its own reversed, or doubled). Confidence stands in
    ``meta["confidence"]``. Every exercise is charged as a call of the teacher, and none is
    written when the budget has none left. Auxiliary text is passed on as it is.
    """

    name = "imperfect"

    wrong: ShareBetween = 0.3
    """The share of wrong targets, in (0, 1)."""
    concentration: Positive = 1.0
    """The vagueness of confidence, > 0: near 0 it is 0 or 1 and gives every error away, and from
    about 100 on it is 1 - ``wrong`` for all and says nothing."""

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, and no more than can be paid for."""
        streams = Streams(rng)
        made = fill(self.other, plan, streams.of("exercises"))
        mistakes = Mistakes(self.task, made)
        data: list[Example] = []
        for example in made:
            if self.meter is not None and self.meter.exhausted():
                break
            if example.kind == EXERCISE:
                if self.meter is not None:
                    self.meter.record(Cost(teacher_calls=1))
                own = streams.of("answer", example.identity)
                example = self._answered(example, mistakes, own)
            data.append(example)
        return tuple(data)

    def _answered(self, example: Example, mistakes: Mistakes, rng: np.random.Generator) -> Example:
        """The exercise with the writer's target, right or wrong, and its confidence."""
        beta = self.concentration * self.wrong, self.concentration * (1 - self.wrong)
        chance, draw, lot = float(rng.beta(*beta)), float(rng.random()), float(rng.random())
        if draw < chance:
            example = example.with_target(mistakes.instead(example, lot))
        return replace(example, meta={**example.meta, CONFIDENCE: 1 - chance})
