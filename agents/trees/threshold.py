"""``threshold``: go on while it pays, look for something new when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment, split_equally
from teachgym.settings import Kept, checked

Signal = Literal["root", "reward"]


@checked
@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Exploits what gained more than ``threshold`` in the last step and explores the rest.

    After the reward-reactive policy of DataEnvGym (arXiv 2410.06215, code: last reward above
    0.01 exploits, else 5 new subskills). There one reward decides for all roots
    (``signal="reward"``); by default here each root is judged by its own accuracy.
    """

    threshold: Annotated[float, Interval(ge=-1, le=1)] = 0.01
    """Change of accuracy (or reward) per step that counts as progress, in [-1, 1]."""
    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""
    signal: Signal = "root"
    """``root``: the root's gain of accuracy, 0 if not measured; ``reward``: the step's reward."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """New subskills for the roots without progress, and for all at the start."""
        return np.where(self._gain(now) > self.threshold, 0, self.subskills)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Equal amounts."""
        return split_equally(now)

    def _gain(self, now: Moment) -> NDArray[np.float64]:
        n_roots = len(now.known)
        if now.last is None:
            return np.full(n_roots, -np.inf)
        if self.signal == "reward":
            return np.full(n_roots, now.last.reward)
        before, after = now.last.observation, now.last.next_observation
        measured = np.minimum(before["n"], after["n"]) > 0
        change = after["accuracy"].astype(np.float64) - before["accuracy"].astype(np.float64)
        return np.where(measured, change, 0.0)
