"""``dirichlet``: a random allocation, the control for the value of any choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.protocols import Teacher
from teachgym.settings import Amount, checked
from teachgym.types import Obs


class Dirichlet(Teacher[Obs, NDArray[np.float32]]):
    """Draws an allocation at reset and keeps it: the null hypothesis for every allocation.

    Args:
        cells: sizes of the environment.
        concentration: > 0; 1 = every allocation is as likely as any other, less = few cells get
            most of the examples, more = closer to ``uniform``.
    """

    name = "dirichlet"

    @checked
    def __init__(self, cells: Cells, *, concentration: Amount = 1.0) -> None:
        self.cells, self.concentration = cells, concentration
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw the allocation."""
        weights = np.full(int(np.prod(self.cells.shape)), self.concentration)
        drawn = np.random.default_rng(seed).dirichlet(weights)
        self._action = self.cells.spend(drawn.reshape(self.cells.shape))

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        return self._action.copy()
