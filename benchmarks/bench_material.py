"""What the page of a bench needs, read from its folder once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from teachgym.benchmarks.leaderboard import Results, Standing, stand
from teachgym.benchmarks.runner import Status, read_results, status
from teachgym.benchmarks.statistics import FloatArray
from teachgym.benchmarks.suites import Suite
from teachgym.report.html import PAGE
from teachgym.runs.files import read_json
from teachgym.runs.result import RunResult


@dataclass(frozen=True)
class BenchMaterial:
    """Results of a suite, and how far each of its cells is."""

    suite: Suite
    results: Results
    """Of the finished cells."""
    states: Mapping[tuple[str, int], Status]
    """Of every cell, by name of the arm and seed."""
    standings: Sequence[Standing]
    """Best arm first."""
    pages: Mapping[tuple[str, int], str]
    """Relative paths of the pages of runs, where there are any."""
    commits: Sequence[str]
    """Every commit that a finished cell was run with."""
    versions: Sequence[str]
    """Every version of teachgym that a finished cell was run with."""

    @classmethod
    def read(cls, suite: Suite, folder: Path) -> BenchMaterial:
        """Read every finished cell's result."""
        results = read_results(suite, folder)
        cells = {(cell.arm.name, cell.seed): cell for cell in suite.cells()}
        configs = [read_json(folder / cells[key].path / "config.json") for key in results]
        return cls(
            suite=suite,
            results=results,
            states={key: status(cell, folder) for key, cell in cells.items()},
            standings=stand(suite, results),
            pages={
                key: f"{cell.path}/{PAGE}"
                for key, cell in cells.items()
                if (folder / cell.path / PAGE).exists()
            },
            commits=list(dict.fromkeys(c["commit"] or "not in a checkout" for c in configs)),
            versions=list(dict.fromkeys(c["versions"]["teachgym"] for c in configs)),
        )

    @property
    def runs(self) -> dict[str, list[RunResult]]:
        """Results by seed of every arm that has any, best arm first."""
        seeds = range(self.suite.seeds)
        found = {
            line.arm: [self.results[line.arm, s] for s in seeds if (line.arm, s) in self.results]
            for line in self.standings
        }
        return {arm: runs for arm, runs in found.items() if runs}

    @property
    def scores(self) -> dict[str, FloatArray]:
        """Final test accuracies of the same arms, shape (n_runs,) each."""
        return {
            arm: np.array([run.test.after.mean for run in runs]) for arm, runs in self.runs.items()
        }

    @property
    def controls(self) -> frozenset[str]:
        """Names of the arms that are there to be compared with."""
        return frozenset(arm.name for arm in self.suite.arms if arm.control)
