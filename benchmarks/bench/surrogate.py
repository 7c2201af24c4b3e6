"""A surrogate of a costly judge: what a few judged systems tell of the others by cheap features.

A system is whatever is compared, such as the student after a teacher's lessons; a judgement says
which of two systems did better on an item. Judging all pairs of many systems is what costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, CountFromTwo, checked
from teachgym.types import FloatArray

_CONVERGED = 1e-10
_ROUNDS = 10_000


class Judgement(NamedTuple):
    """A judgement on which of two systems did better on an item."""

    item: int
    first: int
    second: int
    outcome: float
    """1 = the first, 0 = the second, 0.5 = neither."""


def judged(scores: FloatArray) -> list[Judgement]:
    """All judgements that scores (n_systems, n_items) amount to: the higher one did better."""
    return [
        Judgement(item, a, b, (1 + float(np.sign(scores[a, item] - scores[b, item]))) / 2)
        for item in range(scores.shape[1])
        for a, b in combinations(range(len(scores)), 2)
    ]


def bradley_terry(judgements: Sequence[Judgement], n_systems: int) -> FloatArray:
    """Strengths (n_systems,), mean 0, of which P(i beats j) is the logistic of the difference.

    The maximum likelihood of Bradley and Terry by the iteration of Hunter 2004 (Annals of
    Statistics 32:384-406, equation 3). Half a draw of every two systems is added, without which who
    never lost would be infinitely strong.
    """
    wins = np.full((n_systems, n_systems), 0.25)
    for _, first, second, outcome in judgements:
        wins[first, second] += outcome
        wins[second, first] += 1 - outcome
    np.fill_diagonal(wins, 0.0)
    met, strength = wins + wins.T, np.ones(n_systems)
    for _ in range(_ROUNDS):
        new = wins.sum(axis=1) / (met / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        done = np.abs(new - strength).max() < _CONVERGED
        strength = new
        if done:
            break
    centred: FloatArray = np.log(strength) - np.log(strength).mean()
    return centred


@checked
@dataclass(frozen=True, slots=True)
class Surrogate:
    """Predicts the strength of systems that were not judged from features of theirs.

    After MIRAGE-Bench (Thakur et al. 2024, arXiv 2410.13716, section 4): strengths are means over
    tournaments of a few matches each, drawn with replacement, all pairs on the items that were
    drawn; a random forest learns them from features; Kendall's tau with the strengths of systems
    that were left out says what that is worth. Differences: features are whatever is handed in,
    where the paper has seven heuristics of generated answers; half a draw is added to each pair.
    """

    tournaments: CountFromOne = 200
    """Bootstrap samples of items, >= 1."""
    matches: CountFromOne = 100
    """Items in each, >= 1."""
    trees: CountFromOne = 100
    """The trees of the forest, >= 1."""

    def strengths(
        self, judgements: Sequence[Judgement], n_systems: int, rng: np.random.Generator
    ) -> FloatArray:
        """The mean strength of each system over tournaments, shape (n_systems,).

        Raises:
            ConfigError: without judgements.
        """
        if not judgements:
            raise ConfigError("there are no judgements; give at least one of each system")
        items = sorted({judgement.item for judgement in judgements})
        on_item = {item: [j for j in judgements if j.item == item] for item in items}
        found = [
            bradley_terry([j for item in drawn for j in on_item[item]], n_systems)
            for drawn in rng.choice(items, size=(self.tournaments, self.matches)).tolist()
        ]
        mean: FloatArray = np.mean(found, axis=0)
        return mean

    def predict(
        self, features: FloatArray, strengths: FloatArray, unseen: FloatArray, seed: int = 0
    ) -> FloatArray:
        """The strengths of unseen systems, shape (m,).

        Args:
            features: of judged systems, (n, n_features).
            strengths: theirs, (n,).
            unseen: features of others, (m, n_features).
            seed: of the forest.
        """
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(self.trees, random_state=seed)
        predicted: FloatArray = forest.fit(features, strengths).predict(unseen)
        return predicted

    def check(
        self,
        features: FloatArray,
        strengths: FloatArray,
        rng: np.random.Generator,
        groups: CountFromTwo = 5,
    ) -> float:
        """Kendall's tau of predicted and true strengths of systems that are left out, in [-1, 1].

        Every system is left out once, with its group; each of the ``groups``, which are as large
        as each other, is ranked by its own prediction, and the taus are averaged.

        Raises:
            ConfigError: for groups of fewer than two systems, which have no order.
        """
        if 2 * groups > len(strengths):
            raise ConfigError(
                f"groups is {groups} for {len(strengths)} systems; it must be 2 to half as many"
            )
        order, taus = rng.permutation(len(strengths)), []
        for out in np.array_split(order, groups):
            known = np.setdiff1d(order, out)
            predicted = self.predict(features[known], strengths[known], features[out])
            taus.append(float(stats.kendalltau(predicted, strengths[out]).statistic))
        return float(np.mean(taus))
