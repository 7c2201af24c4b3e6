"""Gaussian mixtures over tasks: fitting, choosing a Gaussian by usefulness, drawing a task."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import BoxSampler, Point, check_sides
from teachgym.errors import ConfigError
from teachgym.settings import CountFromTwo, Share, checked
from teachgym.streams import draw_seed


@dataclass(frozen=True, slots=True)
class Gaussians:
    """The components of a fitted mixture."""

    means: NDArray[np.float64]
    """Shape (n_components, n_features)."""
    covariances: NDArray[np.float64]
    """Shape (n_components, n_features, n_features)."""


def fit_mixture(
    data: NDArray[np.float64], components: Sequence[int], rng: np.random.Generator
) -> Gaussians:
    """The full-covariance mixture of ``data``, (n, n_features), with the lowest AIC.

    Numbers of components above n are left out; one Gaussian is fitted if none remain.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    seed = draw_seed(rng)
    sizes = [k for k in components if k <= len(data)] or [1]
    # A few hundred points are not worth threads: on a busy machine they cost 30 times the work.
    with threadpool_limits(1), warnings.catch_warnings():
        # A mixture of too many components for the data loses on AIC; no need to warn of it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits: list[Any] = [GaussianMixture(k, random_state=seed).fit(data) for k in sizes]
    best = min(fits, key=lambda fit: float(fit.aic(data)))
    return Gaussians(best.means_, best.covariances_)


@checked
@dataclass(eq=False)
class MixtureSampler(BoxSampler, ABC):
    """Draws tasks from a mixture, Gaussians in proportion to their usefulness.

    Every ``fit_every`` tasks, mixtures are fitted to the latest ``fit_every`` vectors (task,
    feature) and the one with the lowest AIC is kept. Every task before the first fit is uniform.
    """

    sides: NDArray[np.float64]
    """Lengths of the box, shape (n_dims,)."""
    rng: np.random.Generator
    """The source of all randomness."""
    _: KW_ONLY
    fit_every: CountFromTwo = 250
    """Tasks between fits, and in a fit, >= 2."""
    components: Sequence[int] = tuple(range(2, 11))
    """Numbers of Gaussians tried, each >= 1."""
    exploration: Share = 0.2
    """Share of uniform tasks, in [0, 1]."""

    def __post_init__(self) -> None:
        if not self.components or min(self.components) < 1:
            raise ConfigError(
                f"components is {self.components!r}; give numbers of Gaussians, each >= 1"
            )
        self.sides = check_sides(self.sides)
        self.gaussians: Gaussians | None = None
        self._usefulness = np.empty(0)
        self._latest = deque[NDArray[np.float64]](maxlen=self.fit_every)
        self._count = 0

    def update(self, point: Point, reward: float) -> None:
        """Note the feature of a task and its reward; fit when it is time."""
        self._latest.append(np.append(point, self._feature(point, reward)))
        self._count += 1
        if self._count % self.fit_every == 0:
            self._refit(np.array(self._latest))

    @abstractmethod
    def _feature(self, point: Point, reward: float) -> float:
        """The feature of a task beside its place, from its reward."""

    @abstractmethod
    def _refit(self, window: NDArray[np.float64]) -> None:
        """Fit and weigh the Gaussians by the latest tasks, (fit_every, n_dims + 1)."""

    def fit(self, data: NDArray[np.float64]) -> Gaussians:
        """Fit the mixture anew to ``data``, whose first n_dims features are the tasks."""
        self.gaussians = fit_mixture(data, self.components, self.rng)
        return self.gaussians

    def weigh(self, usefulness: NDArray[np.float64]) -> None:
        """Set the usefulness of each Gaussian, shape (n_components,); negative counts as 0."""
        self._usefulness = np.maximum(usefulness, 0.0)

    def sample(self) -> Point:
        """A task in the box, shape (n_dims,)."""
        useful = self._usefulness.sum()
        if self.gaussians is None or useful <= 0 or self.rng.random() < self.exploration:
            return self.rng.uniform(0, self.sides)
        chosen = self.rng.choice(len(self._usefulness), p=self._usefulness / useful)
        n_dims = len(self.sides)
        drawn = self.rng.multivariate_normal(
            self.gaussians.means[chosen, :n_dims],
            self.gaussians.covariances[chosen, :n_dims, :n_dims],
        )
        return np.clip(drawn, 0, self.sides)
