"""``fill-and-balance``: first find the subskills, then even out what each has been taught."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment
from teachgym.settings import Kept, checked


@checked
@dataclass(frozen=True, kw_only=True)
class FillAndBalance:
    """Explores a root until no more subskills fit or are found, then levels their examples.

    After the policy of DataEnvGym (arXiv 2410.06215, appendix B.5), which then raises every
    subskill to a fixed number of examples and stops; here the episode's budget is the only end,
    and each step's examples go to the subskills with the fewest so far. Like there, it looks at
    how much was taught, never at accuracy.
    """

    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """New subskills for as long as there are any."""
        return np.full(len(now.known), self.subskills)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """What brings each root's known subskills closest to equal totals."""
        allocation = np.zeros(now.known.shape)
        for row, known in enumerate(now.known):
            taught = np.asarray(now.observation["taught"][row], dtype=np.float64)
            allocation[row, known] = pour(taught[known], now.examples)
        return allocation


def pour(levels: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Divide ``amount`` so that the lowest ``levels``, shape (n,), rise to one common height.

    Example:
        >>> pour(np.array([10.0, 40.0, 0.0]), 20.0).tolist()
        [5.0, 0.0, 15.0]
    """
    lowest_first = np.sort(levels)
    # The height if only the m lowest rise, for m = 1 .. n; the right m is the one that is lowest.
    heights = (amount + np.cumsum(lowest_first)) / np.arange(1, len(levels) + 1)
    height = float(heights.min(initial=np.inf))
    return np.maximum(height - levels, 0.0)
