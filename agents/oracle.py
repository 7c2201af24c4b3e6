"""``oracle``: knows which skills can be learned; not a fair teacher."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, fill_unmeasured
from teachgym.errors import ConfigError, UnknownSkillError, require_known
from teachgym.protocols import Teacher
from teachgym.settings import Share, checked
from teachgym.types import Obs


class Oracle(Teacher[Obs, NDArray[np.float32]]):
    """Teaches the learnable skills where the student still errs.

    A share ``focus`` of the step goes to the cells of the learnable skills in proportion to
    1 - accuracy (equally, once they are all mastered), the rest to all cells equally.

    Args:
        cells: sizes of the environment.
        learnable: names of the skills the student can learn; privileged knowledge.
        focus: in [0, 1].
    """

    name = "oracle"

    @checked
    def __init__(self, cells: Cells, *, learnable: Collection[str], focus: Share = 0.8) -> None:
        if isinstance(learnable, str) or not learnable:
            raise ConfigError(f"learnable is {learnable!r}; give a list of at least one skill name")
        require_known("skill", learnable, cells.skills, UnknownSkillError)
        self.cells = cells
        self.focus = focus
        self.learnable = np.array([[skill in learnable] for skill in cells.skills])

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        errors = self.learnable * (1 - fill_unmeasured(observation))
        weights = errors if errors.any() else self.learnable.astype(np.float64)
        return self.cells.spend(weights, exploration=1 - self.focus)
