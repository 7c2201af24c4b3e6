"""``AlteringEngine``: the common part of engines that alter another engine's exercises."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from teachgym.engines.around import AroundEngine
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Data, Example, Plan


class AlteringEngine(AroundEngine):
    """Alters each exercise of another engine by itself, and passes on what else there is."""

    @abstractmethod
    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """What becomes of an exercise in text only; ``rng`` is its own."""

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """As many examples per order as the other engine makes.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
        """
        streams = Streams(rng)
        made = self.other.generate(plan, streams.of("exercises"))
        return tuple(
            self.alter(e, streams.of("alteration", e.identity)) if is_in_text(e) else e
            for e in made
        )


def is_in_text(example: Example) -> bool:
    """Whether the example is an exercise in text only."""
    return example.kind == EXERCISE and not example.images and not example.turns
