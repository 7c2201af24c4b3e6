"""``alp-gmm``: absolute learning progress with Gaussian mixtures, on a box of tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import NearestReward, Point
from teachgym.agents.progress.mixtures import MixtureSampler
from teachgym.settings import CountFromTwo, checked

MIN_EARLIER_TASKS = 5
"""Tasks that must have been seen before a nearest one means anything."""


class ALPGMM:
    """Learns where in a box of tasks the student's reward moves, and samples there.

    The ALP of a task is the absolute difference between its reward and that of the nearest
    earlier task. Every ``fit_every`` tasks, mixtures are fitted to the latest ``fit_every``
    vectors (task, ALP) and the one with the lowest AIC is kept. A task is drawn from a Gaussian
    chosen in proportion to its mean ALP, or uniformly with probability ``exploration``.

    Portelas et al. 2019 (arXiv 1910.07224), with the defaults of the released code. Of several
    nearest tasks the latest counts, which matters only where tasks repeat exactly.

    Args:
        sides: lengths of the box, shape (n_dims,).
        rng: source of all randomness.
        fit_every: tasks between fits, and in a fit, >= 2.
        components: numbers of Gaussians tried.
        exploration: share of uniform tasks, in [0, 1].
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
    ) -> None:
        self.fit_every = fit_every
        self.mixture = MixtureSampler(sides, rng, components=components, exploration=exploration)
        self._n_dims = len(self.mixture.sides)
        self._nearest = NearestReward(self._n_dims)
        self._latest: deque[NDArray[np.float64]] = deque(maxlen=self.fit_every)

    def sample(self) -> Point:
        """A task, shape (n_dims,)."""
        return self.mixture.sample()

    def update(self, point: Point, reward: float) -> None:
        """Note the task's ALP; fit when it is time."""
        known = self._nearest.count >= MIN_EARLIER_TASKS
        progress = abs(reward - self._nearest.find(point)) if known else 0.0
        self._nearest.add(point, reward)
        self._latest.append(np.append(point, progress))
        if self._nearest.count % self.fit_every == 0:
            gaussians = self.mixture.fit(np.array(self._latest))
            self.mixture.weigh(gaussians.means[:, self._n_dims])
