"""``uniform``: the same number of examples for every cell, the control of every comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.protocols import Teacher
from teachgym.types import Obs


class Uniform(Teacher[Obs, NDArray[np.float32]]):
    """Divides every step equally among all skills and levels."""

    name = "uniform"

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Equal shares, (n_skills, n_levels)."""
        return self.cells.spend(np.ones(self.cells.shape))
