"""``alternating``: explore, exploit, explore, exploit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment, split_equally
from teachgym.settings import Kept, checked


@checked
@dataclass(frozen=True, kw_only=True)
class Alternating:
    """Explores in the first step and every second one after; exploits with equal allocations.

    After the alternating policy of DataEnvGym (arXiv 2410.06215, code), whose exploit steps set
    every allocation to zero; here they teach what is known.
    """

    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """New subskills in steps 0, 2, 4, ..."""
        return np.full(len(now.known), self.subskills if now.step % 2 == 0 else 0)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Equal amounts."""
        return split_equally(now)
