"""``uniform-tree``: find every subskill, teach all alike; the control of the tree teachers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment, split_equally


@dataclass(frozen=True)
class UniformTree:
    """Asks for as many subskills as there are slots; equal allocations within each root."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Everything at once."""
        n_roots, n_slots = now.known.shape
        return np.full(n_roots, n_slots)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Equal amounts."""
        return split_equally(now)
