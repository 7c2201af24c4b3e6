"""``random-tree``: a coin decides; the control that does not look at the state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment
from teachgym.settings import Kept, Share, checked


@checked
@dataclass(frozen=True, kw_only=True)
class RandomTree:
    """Each root explores with a chance, for a random number of subskills; else random amounts.

    After the random policy of DataEnvGym (arXiv 2410.06215, appendix B.5, "No State"): a fair
    coin and 1 to 3 new subskills. There, amounts change by random differences for at most ten
    subskills; here a root's share is divided uniformly at random.
    """

    chance: Share = 0.5
    """Of exploring, in [0, 1]."""
    most: Kept = 3
    """The most new subskills asked for at a time, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """1 to ``most`` new subskills with the given chance."""
        n_roots = len(now.known)
        explores = now.rng.random(n_roots) < self.chance
        return explores * now.rng.integers(1, self.most + 1, n_roots)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Each root's share divided by a draw that is uniform over all divisions."""
        # Exponential draws divided by their sum are uniform on the simplex.
        weights = now.rng.exponential(size=now.known.shape) * now.known
        total = weights.sum(axis=1, keepdims=True)
        return now.examples * weights / np.where(total > 0, total, 1.0)
