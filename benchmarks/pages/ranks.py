"""Places of teachers, and how many seeds a difference takes: how sure a ranking is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow
from teachgym.benchmarks.bench.statistics import FEWEST, FloatArray, rank_chances, seeds_needed
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.report.tables import Rows

EFFECT = 0.01
"""The difference in test accuracy that the number of seeds is for."""


def rank_rows(bench: BenchMaterial, lines: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per teacher with results, in the order of ``lines``; controls have none.

    Places are those of the means over resampled seeds, of the seeds that all of these teachers
    have; empty for fewer than ``FEWEST`` of them. The number of seeds is that of a paired test
    with a power of 80 % at the 5 % level, by the deviation that was seen, before any correction.
    """
    fair = [line for line in lines if line.finished and not line.control]
    places = _places(bench, [line.arm for line in fair])
    header = ("teacher", "chance to be best", "95 % of its places", f"seeds to find {EFFECT}")
    return (header, *((line.arm, *places.get(line.arm, ("", "")), _seeds(line)) for line in fair))


def _places(bench: BenchMaterial, arms: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The first place's chance and the range of places of each arm, in words."""
    seeds = [
        seed
        for seed in range(bench.suite.seeds)
        if all((arm, seed) in bench.results for arm in arms)
    ]
    if len(seeds) < FEWEST or len(arms) < 2:
        return {}
    scores = {
        arm: np.array([bench.results[arm, seed].test.after.mean for seed in seeds]) for arm in arms
    }
    chances = rank_chances(scores, np.random.default_rng(0))
    return {arm: (f"{own[0]:.2f}", _range(own)) for arm, own in chances.items()}


def _range(chances: FloatArray) -> str:
    low, high = (int(place) + 1 for place in np.searchsorted(np.cumsum(chances), (0.025, 0.975)))
    return f"{low} to {high}" if high > low else str(low)


def _seeds(line: LeaderboardRow) -> str:
    """The seeds of an arm that has at least ``FEWEST`` unequal pairs with another."""
    if line.against is None or line.against.difference.n < FEWEST:
        return ""
    deviation = line.against.difference.stderr * line.against.difference.n**0.5
    return str(seeds_needed(EFFECT, deviation)) if deviation > 1e-9 else ""
