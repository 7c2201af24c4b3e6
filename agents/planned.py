"""``planned`` and ``best-constant``: allocations found by search, as yardsticks for others.

Both are found where the student's dynamics are known (``teachgym.students.planning``), which no
teacher knows, for the whole episode and before it begins: what planning can reach, and what can
be reached without ever changing the allocation. They see nothing of the student that they teach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachgym.agents.context import Cells
from teachgym.agents.fixed import Fixed, as_array


class Planned(Fixed):
    """Follows a plan of allocations, one for each step.

    Args:
        cells: sizes of the environment.
        plan: shares of each step, (n_steps, n_skills, n_levels); where it is not given, a run
            searches for it.
    """

    name = "planned"

    def __init__(self, cells: Cells, *, plan: ArrayLike) -> None:
        super().__init__(cells, mixtures=list(np.atleast_1d(as_array(plan))))


class BestConstant(Fixed):
    """Orders the same allocation in every step.

    Args:
        cells: sizes of the environment.
        allocation: shares of a step, (n_skills, n_levels); where it is not given, a run searches
            for it.
    """

    name = "best-constant"

    def __init__(self, cells: Cells, *, allocation: ArrayLike) -> None:
        super().__init__(cells, mixtures=[allocation])
