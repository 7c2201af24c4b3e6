"""``weakest``: most examples where the student errs most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, fill_unmeasured
from teachgym.protocols import Teacher
from teachgym.settings import NotNegative, at_most, checked
from teachgym.types import Obs


class Weakest(Teacher[Obs, NDArray[np.float32]]):
    """Orders in proportion to (1 - accuracy)^power, for all cells or the ``top`` weakest only.

    The rule is sound where everything can be learned, and wasteful where something cannot: an
    unlearnable cell keeps its error, and so its share, for ever.

    Args:
        cells: sizes of the environment.
        power: >= 0; 0 treats the chosen cells alike, 1 is in proportion to the error, and the
            larger, the more goes to the very weakest.
        top: only this many cells are taught, the ones with the lowest accuracy (the first of
            equals), >= 1; None = all. With ``power=0``: the pure top-k rule.
    """

    name = "weakest"

    @checked
    def __init__(self, cells: Cells, *, power: NotNegative = 1.0, top: int | None = None) -> None:
        self.cells = cells
        self.power = power
        n_cells = int(np.prod(cells.shape))
        self.top = n_cells if top is None else at_most("top", top, n_cells)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels); equal if nothing is wrong any more."""
        accuracy = fill_unmeasured(observation)
        weakest = np.argsort(accuracy, axis=None, kind="stable")[: self.top]
        chosen = np.zeros(accuracy.size)
        chosen[weakest] = 1
        return self.cells.spend(chosen.reshape(accuracy.shape) * (1 - accuracy) ** self.power)
