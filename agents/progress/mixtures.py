"""Gaussian mixtures over tasks: fitting, choosing a Gaussian by usefulness, drawing a task."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import Point, check_sides
from teachgym.errors import ConfigError
from teachgym.settings import Share, checked


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

    seed = int(rng.integers(2**31))
    sizes = [k for k in components if k <= len(data)] or [1]
    # A few hundred points are not worth threads: on a busy machine they cost 30 times the work.
    with threadpool_limits(1), warnings.catch_warnings():
        # A mixture of too many components for the data loses on AIC; no need to warn of it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits: list[Any] = [GaussianMixture(k, random_state=seed).fit(data) for k in sizes]
    best = min(fits, key=lambda fit: float(fit.aic(data)))
    return Gaussians(best.means_, best.covariances_)


class MixtureSampler:
    """Draws tasks from a mixture, Gaussians in proportion to their usefulness.

    A share ``exploration`` of the tasks, and every task before the first fit, is uniform.
    """

    @checked
    def __init__(
        self,
        sides: NDArray[np.float64],
        rng: np.random.Generator,
        *,
        components: Sequence[int],
        exploration: Share,
    ) -> None:
        if not components or min(components) < 1:
            raise ConfigError(f"components is {components!r}; give numbers of Gaussians, each >= 1")
        self.sides = check_sides(sides)
        self.rng = rng
        self.components = tuple(components)
        self.exploration = exploration
        self.gaussians: Gaussians | None = None
        self._usefulness = np.empty(0)

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
