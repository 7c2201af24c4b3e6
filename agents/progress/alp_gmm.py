"""``alp-gmm``: absolute learning progress with Gaussian mixtures, on a box of tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import NearestReward, Point
from teachgym.agents.progress.mixtures import MixtureSampler
from teachgym.settings import checked

MIN_EARLIER_TASKS = 5
"""Tasks that must have been seen before a nearest one means anything, where none was begun."""


@checked
@dataclass(eq=False, kw_only=True)
class ALPGMM(MixtureSampler):
    """Learns where in a box of tasks the student's reward moves, and samples there.

    The ALP of a task is the absolute difference between its reward and that of the nearest
    earlier task. A Gaussian over (task, ALP) is as useful as its mean ALP.

    Portelas et al. 2019 (arXiv 1910.07224), with the defaults of the released code. Of several
    nearest tasks the latest counts, which matters only where tasks repeat exactly. A caller that
    knows the reward before the first training on a task may enter it (``begin``) as an earlier
    task without an ALP.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._nearest = NearestReward(len(self.sides))
        self._least = MIN_EARLIER_TASKS

    def begin(self, point: Point, reward: float) -> None:
        """Remember where a task begins; from then on every task has an ALP."""
        self._nearest.add(point, reward)
        self._least = 1

    def _feature(self, point: Point, reward: float) -> float:
        known = self._nearest.count >= self._least
        progress = abs(reward - self._nearest.find(point)) if known else 0.0
        self._nearest.add(point, reward)
        return progress

    def _refit(self, window: NDArray[np.float64]) -> None:
        self.weigh(self.fit(window).means[:, len(self.sides)])
