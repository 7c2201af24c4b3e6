"""Places of teachers, and how many seeds a difference takes: how sure a ranking is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow
from teachgym.benchmarks.bench.statistics import FEWEST, rank_sets, seeds_needed
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.report.tables import Rows

EFFECT = 0.01
"""The difference in test accuracy that the number of seeds is for."""


def rank_rows(bench: BenchMaterial, lines: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per teacher with results, in the order of ``lines``; controls have none.

    Places are those that all of these teachers together have with 95 % confidence
    (``statistics.rank_sets``), by the seeds that all of them have; empty for fewer than ``FEWEST``
    of them. The number of seeds is that of a paired test with a power of 80 % at the 5 % level, by
    the deviation that was seen, before any correction.
    """
    fair = [line for line in lines if line.finished and not line.control]
    places = _places(bench, [line.arm for line in fair])
    header = ("teacher", "places [95 %, all at once]", f"seeds to find {EFFECT}")
    return (header, *((line.arm, places.get(line.arm, ""), _seeds(line)) for line in fair))


def _places(bench: BenchMaterial, arms: Sequence[str]) -> dict[str, str]:
    """The places that each arm may have, in words."""
    seeds = [
        seed for seed in bench.suite.all_seeds if all((arm, seed) in bench.outcomes for arm in arms)
    ]
    if len(seeds) < FEWEST or len(arms) < 2:
        return {}
    scores = {arm: np.array([bench.outcomes[arm, seed].test for seed in seeds]) for arm in arms}
    sets = rank_sets(scores, np.random.default_rng(0))
    return {arm: f"{a} to {b}" if a < b else str(a) for arm, (a, b) in sets.items()}


def _seeds(line: LeaderboardRow) -> str:
    """The seeds of an arm that has at least ``FEWEST`` unequal pairs with another."""
    if line.against is None or line.against.difference.n < FEWEST:
        return ""
    deviation = line.against.difference.stderr * line.against.difference.n**0.5
    return str(seeds_needed(EFFECT, deviation)) if deviation > 1e-9 else ""
