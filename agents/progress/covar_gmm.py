"""``covar-gmm``: Gaussian mixtures over task, time and reward, to find rising rewards."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import Point
from teachgym.agents.progress.mixtures import MixtureSampler
from teachgym.settings import CountFromTwo, checked


class CovarGMM:
    """Samples from Gaussians in which time and reward covary.

    Every ``fit_every`` tasks, mixtures are fitted to the latest ``fit_every`` vectors (task,
    time, reward), time running from 0 to 1, and the one with the lowest AIC is kept. A Gaussian
    is chosen in proportion to its covariance of time and reward where that is positive; with
    ``absolute``, in proportion to its absolute value, so that forgetting counts too.

    Moulin-Frier et al. 2014 as in Portelas et al. 2019 (arXiv 1910.07224) and its released code.

    Args:
        sides: lengths of the box, shape (n_dims,).
        rng: source of all randomness.
        fit_every: tasks between fits, and in a fit, >= 2.
        components: numbers of Gaussians tried.
        exploration: share of uniform tasks, in [0, 1].
        absolute: whether falling reward attracts as much as rising reward.
    """

    @checked
    def __init__(
        self,
        sides: NDArray[np.float64],
        rng: np.random.Generator,
        *,
        fit_every: CountFromTwo = 250,
        components: Sequence[int] = tuple(range(2, 11)),
        exploration: float = 0.2,
        absolute: bool = False,
    ) -> None:
        self.fit_every = fit_every
        self.mixture = MixtureSampler(sides, rng, components=components, exploration=exploration)
        self.absolute = absolute
        self._n_dims = len(self.mixture.sides)
        self._count = 0
        self._latest: deque[NDArray[np.float64]] = deque(maxlen=self.fit_every)

    def sample(self) -> Point:
        """A task, shape (n_dims,)."""
        return self.mixture.sample()

    def update(self, point: Point, reward: float) -> None:
        """Note the task's reward; fit when it is time."""
        self._latest.append(np.append(point, reward))
        self._count += 1
        if self._count % self.fit_every == 0:
            window = np.array(self._latest)  # (fit_every, n_dims + 1)
            time = np.linspace(0, 1, len(window))
            gaussians = self.mixture.fit(np.insert(window, self._n_dims, time, axis=1))
            rise = gaussians.covariances[:, self._n_dims, self._n_dims + 1]
            self.mixture.weigh(np.abs(rise) if self.absolute else rise)
