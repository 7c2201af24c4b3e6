"""``covar-gmm``: Gaussian mixtures over task, time and reward, to find rising rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import Point
from teachgym.agents.progress.mixtures import MixtureSampler
from teachgym.settings import checked


@checked
@dataclass(eq=False, kw_only=True)
class CovarGMM(MixtureSampler):
    """Samples from Gaussians in which time and reward covary.

    A Gaussian over (task, time, reward), time running from 0 to 1 in each fit, is as useful as its
    covariance of time and reward where that is positive.

    Moulin-Frier et al. 2014 as in Portelas et al. 2019 (arXiv 1910.07224) and its released code.
    """

    absolute: bool = False
    """Whether falling reward attracts as much as rising reward."""

    def _feature(self, point: Point, reward: float) -> float:
        return reward

    def _refit(self, window: NDArray[np.float64]) -> None:
        time, n_dims = np.linspace(0, 1, len(window)), len(self.sides)
        gaussians = self.fit(np.insert(window, n_dims, time, axis=1))
        rise = gaussians.covariances[:, n_dims, n_dims + 1]
        self.weigh(np.abs(rise) if self.absolute else rise)
