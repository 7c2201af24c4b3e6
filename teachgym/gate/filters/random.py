"""``random``: a random share of the batch, the control of all other filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.gate.filters.filter import Filter, Memory, all_but_highest
from teachgym.protocols import Probes
from teachgym.settings import ShareAboveZero, checked
from teachgym.types import Data


@checked
@dataclass(frozen=True, slots=True)
class Random(Filter):
    """Keeps a random share of the batch, as evenly over skills as the numbers allow."""

    share: ShareAboveZero = 0.5
    """The share of each skill's examples, rounded up, in (0, 1]; 1 keeps all, and yield and quality
    are told all the same."""

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        lots = rng.random(len(data)).tolist()
        return all_but_highest(lots, self.share, "lot", [example.skill for example in data])
