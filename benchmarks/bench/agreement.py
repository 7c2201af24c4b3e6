"""Whether two benches rank the arms that both have alike: Spearman's correlation, with interval."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

import numpy as np

from teachgym.benchmarks.bench.outcomes import Outcomes
from teachgym.benchmarks.bench.statistics import Interval, draw_resamples, percentiles
from teachgym.errors import ConfigError
from teachgym.metrics import rank_correlation
from teachgym.types import FloatArray

FEWEST_ARMS = 3
"""Arms that a rank correlation takes: of two it is +1 or -1 whatever they are."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two benches in the ranks of the arms that both have."""

    rho: Interval
    """Spearman's correlation of the arms' mean test accuracies, in [-1, 1]; its ends are unknown
    (nan) below ``statistics.FEWEST`` shared seeds."""
    n_arms: int
    n_seeds: int
    """Seeds that every one of these arms has finished in both."""

    def __str__(self) -> str:
        return f"{self.rho.show(2)} over {self.n_arms} arms and {self.n_seeds} shared seeds"


def agreement(ours: Outcomes, theirs: Outcomes, leave_out: Collection[str] = ()) -> Agreement:
    """The agreement of two benches, over shared arms and the seeds that all of them have in both.

    A bootstrap draws the seeds, the same for both benches, so its interval is about the luck of
    seeds and not about the choice of arms.

    Args:
        ours: the outcomes of one bench.
        theirs: those of the other.
        leave_out: arms that do not count, such as controls.

    Raises:
        ConfigError: for fewer than ``FEWEST_ARMS`` arms; two are always ranked alike or reversed;
            for arms without a seed in common.
    """
    known = {arm for arm, _ in theirs}.difference(leave_out)
    arms = [arm for arm in dict.fromkeys(arm for arm, _ in ours) if arm in known]
    if len(arms) < FEWEST_ARMS:
        raise ConfigError(
            f"the benches share {len(arms)} arms with results; a rank correlation takes at least "
            f"{FEWEST_ARMS}"
        )
    shared = [
        seed
        for seed in sorted({seed for _, seed in ours})
        if all((arm, seed) in bench for arm, bench in product(arms, (ours, theirs)))
    ]
    if not shared:
        raise ConfigError(
            f"the benches share {len(arms)} arms and no seed that all of them have in both; run "
            "the same seeds"
        )
    scores = np.array(
        [[[bench[arm, s].test for arm in arms] for bench in (ours, theirs)] for s in shared]
    )  # (n_seeds, 2, n_arms)
    rng = np.random.default_rng(0)
    drawn = scores[draw_resamples(len(shared), rng)]
    rho = percentiles(float(_correlation(scores)), _correlation(drawn), len(shared))
    return Agreement(rho, len(arms), len(shared))


def _correlation(scores: FloatArray) -> FloatArray:
    """The correlation of the means over seeds, from scores (..., n_seeds, 2, n_arms)."""
    means = scores.mean(axis=-3)
    return rank_correlation(means[..., 0, :], means[..., 1, :])
