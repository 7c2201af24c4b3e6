"""``constant-tree``: the same answer in every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment, split_equally
from teachgym.settings import Count, checked


@checked
@dataclass(frozen=True, kw_only=True)
class ConstantTree:
    """Explores in every step for as long as there is something to find, or never.

    After the constant policy of DataEnvGym (arXiv 2410.06215, code), which repeats any one
    action; here the two that differ. What no longer can be explored is taught equally.
    """

    subskills: Count = 2
    """New subskills per root and step, >= 0; 0 = none but the first, which a root needs."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """The same number always."""
        return np.full(len(now.known), self.subskills)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Equal amounts."""
        return split_equally(now)
