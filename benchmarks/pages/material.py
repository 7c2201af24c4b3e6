"""The data that the page of a bench needs, read from its folder once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from teachgym.benchmarks.bench.leaderboard import (
    LeaderboardRow,
    by_arm,
    by_condition,
    match_scores,
    stand,
)
from teachgym.benchmarks.bench.lines import result_lines
from teachgym.benchmarks.bench.outcomes import Outcomes, outcomes_of
from teachgym.benchmarks.bench.runner import Results, Status, read_results, read_states
from teachgym.benchmarks.bench.statistics import improvement
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.skill_gains import mean_levels
from teachgym.records import Record
from teachgym.report.charts import Mark
from teachgym.report.html import PAGE
from teachgym.runs.folder import RunFolder
from teachgym.runs.result import RunResult
from teachgym.types import FloatArray

UNKNOWN = Mark(math.nan, math.nan, math.nan, "")
"""A mark of what was not measured."""
_LEADERS = 3
"""Arms that are looked at skill by skill, besides what they are compared with."""


@dataclass(frozen=True)
class BenchMaterial:
    """Results of a suite, and how far each of its cells is."""

    suite: Suite
    results: Results
    """The results of the finished cells."""
    outcomes: Outcomes
    """The same, as tables see them."""
    states: Mapping[tuple[str, int], Status]
    """The states of every cell, by name of the arm and seed."""
    standings: Sequence[LeaderboardRow]
    """Best arm first."""
    lines: Sequence[Record]
    """``lines.result_lines``."""
    pages: Mapping[tuple[str, int], str]
    """Relative paths of the pages of runs, where there are any."""
    leaders: Sequence[str]
    """The arms that are looked at skill by skill, best first."""
    levels: Mapping[str, float]
    """Mean level of each skill's items of test, where items have levels."""

    @classmethod
    def read(cls, suite: Suite, folder: Path) -> BenchMaterial:
        """Read every finished cell's result."""
        results = read_results(suite, folder)
        outcomes = outcomes_of(results)
        cells = {(cell.arm.name, cell.seed): cell for cell in suite.cells()}
        lines = result_lines(suite, folder, results)
        standings = stand(suite, outcomes)
        leaders = _leaders(suite, standings)
        one = next((RunFolder(folder / cells[k].path) for k in results if k[0] in leaders), None)
        return cls(
            suite=suite,
            results=results,
            outcomes=outcomes,
            states=read_states(suite, folder, results),
            standings=standings,
            lines=lines,
            pages={
                key: f"{cell.path}/{PAGE}"
                for key, cell in cells.items()
                if (folder / cell.path / PAGE).exists()
            },
            leaders=leaders,
            levels=mean_levels(one) if one else {},
        )

    @cached_property
    def commits(self) -> list[str | None]:
        """Every commit that a finished cell was run with; None = in no checkout."""
        return list(dict.fromkeys(line["commit"] for line in self.lines))

    @cached_property
    def versions(self) -> list[str]:
        """Every version of teachgym that a finished cell was run with."""
        return list(dict.fromkeys(line["version"] for line in self.lines))

    @cached_property
    def panels(self) -> dict[str, list[LeaderboardRow]]:
        """Standings by condition: what is compared with each other, best arm first."""
        return by_condition(self.suite, self.standings)

    @cached_property
    def runs(self) -> dict[str, list[RunResult]]:
        """Results by seed of every arm that has any, by condition, best arm first."""
        arms = (line.arm for lines in self.panels.values() for line in lines)
        return {arm: list(own.values()) for arm in arms if (own := self.by_seed[arm])}

    @cached_property
    def scores(self) -> dict[str, FloatArray]:
        """Final test accuracies of the same arms, shape (n_runs,) each."""
        return {
            arm: np.array([run.test.after.mean for run in runs]) for arm, runs in self.runs.items()
        }

    def improvement(self, arm: str, other: str) -> Mark:
        """Chance that a run of an arm beats a run of another, both with results.

        Of the same seed where seeds decide the environment too (``leaderboard.match_scores``);
        nan where no seed is shared then.
        """
        mine, theirs = match_scores(
            self.suite,
            *(
                {seed: run.test.after.mean for seed, run in self.by_seed[name].items()}
                for name in (arm, other)
            ),
        )
        if not len(mine) or not len(theirs):
            return UNKNOWN
        paired = bool(self.suite.seeded)
        found = improvement(mine, theirs, np.random.default_rng(0), paired=paired)
        n = f"{len(mine)} pairs" if paired else f"{len(mine)} and {len(theirs)} runs"
        return Mark(found.value, found.low, found.high, f"{arm} beats {other}: {found}, n = {n}")

    @cached_property
    def by_seed(self) -> dict[str, dict[int, RunResult]]:
        """Results of every arm by seed; empty for an arm without any."""
        return by_arm(self.suite, self.results)

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The suite's arms by name."""
        return {arm.name: arm for arm in self.suite.arms}

    @cached_property
    def controls(self) -> frozenset[str]:
        """Names of the arms that are there to be compared with."""
        return frozenset(arm.name for arm in self.suite.arms if arm.control)


def name_condition(condition: str) -> str:
    """The name of a condition; the empty one is that without stress."""
    return condition or "no stress"


def _leaders(suite: Suite, standings: Sequence[LeaderboardRow]) -> list[str]:
    """The best arms of the first condition, and what they are compared with; only with results."""
    own = {arm.name for arm in suite.arms if arm.condition == suite.arms[0].condition}
    fair = [line for line in standings if line.arm in own and not line.control and line.finished]
    chosen = {name for line in fair[:_LEADERS] for name in (line.arm, line.reference)}
    return [line.arm for line in standings if line.arm in chosen and line.finished]
