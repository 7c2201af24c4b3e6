"""``nothing``: orders nothing, as the control for effects of the protocol itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.types import Obs, Transition


class Nothing:
    """Leaves every step empty, so the student stays untrained."""

    name = "nothing"

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """All zeros, (n_skills, n_levels)."""
        return np.zeros(self.cells.shape, dtype=np.float32)

    def observe(self, transition: Transition) -> None:
        """Nothing to learn."""
