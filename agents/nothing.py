"""``nothing``: orders nothing, as the control for effects of the protocol itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.protocols import Teacher
from teachgym.types import Obs


class Nothing(Teacher[Obs, NDArray[np.float32]]):
    """Leaves every step empty, so the student stays untrained."""

    name = "nothing"

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """All zeros, (n_skills, n_levels)."""
        return np.zeros(self.cells.shape, dtype=np.float32)
