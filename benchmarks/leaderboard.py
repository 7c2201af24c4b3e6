"""The results of a suite as one table: pure functions of results.

``test`` was read once in each run, after its end, for the student that was best on ``val``. Arms
are compared with the reference by the paired differences of the seeds that both have finished, and
the p-values are adjusted for the number of arms (``statistics.holm``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.benchmarks.statistics import (
    Interval,
    PairedTest,
    bootstrap,
    compare_paired,
    holm,
    interquartile_mean,
    probability_of_improvement,
)
from teachgym.benchmarks.suites import Suite
from teachgym.metrics import Estimate, area_under_curve, estimate
from teachgym.report.tables import Rows
from teachgym.runs.result import RunResult

Results = Mapping[tuple[str, int], RunResult]
"""By name of the arm and seed; cells that are not finished are left out."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An arm's line."""

    arm: str
    control: bool
    finished: int
    """Seeds with a result."""
    wanted: int
    """Seeds of the suite."""
    test: Estimate | None
    """Final test accuracy; None without results."""
    middle: Interval | None
    """Interquartile mean of final test accuracy with its bootstrap interval."""
    area: Estimate | None
    """Area under the validation curve (``metrics.area_under_curve``)."""
    against: PairedTest | None
    """Test accuracy minus that of the reference, on the seeds that both have; None for itself."""
    p: float
    """Two-sided, adjusted for the number of arms; nan where there is no test."""
    better: float
    """Chance that a run of the arm beats a run of the reference; nan without either."""
    examples: float
    """Mean number of training examples; nan without results."""


def stand(suite: Suite, results: Results, *, seed: int = 0) -> list[Standing]:
    """One line per arm, best mean test accuracy first, arms without results last.

    Args:
        suite: what was compared.
        results: of its finished cells.
        seed: of the bootstrap.
    """
    runs = {
        arm.name: {s: results[arm.name, s] for s in range(suite.seeds) if (arm.name, s) in results}
        for arm in suite.arms
    }
    reference = runs[suite.reference]
    tests = {
        name: compare(mine, reference)
        for name, mine in runs.items()
        if name != suite.reference and set(mine) & set(reference)
    }
    adjusted = holm({name: test.p for name, test in tests.items()})
    rng = np.random.default_rng(seed)
    standings = []
    for arm in suite.arms:
        mine = list(runs[arm.name].values())
        scores = np.array([run.test.after.mean for run in mine])
        theirs = np.array([run.test.after.mean for run in reference.values()])
        both = mine and len(theirs) and arm.name != suite.reference
        standings.append(
            Standing(
                arm=arm.name,
                control=arm.control,
                finished=len(mine),
                wanted=suite.seeds,
                test=estimate(scores) if mine else None,
                middle=bootstrap(scores, interquartile_mean, rng) if mine else None,
                area=estimate([_area(run) for run in mine]) if mine else None,
                against=tests.get(arm.name),
                p=adjusted.get(arm.name, float("nan")),
                better=probability_of_improvement(scores, theirs) if both else float("nan"),
                examples=float(np.mean([run.spent.examples for run in mine])) if mine else np.nan,
            )
        )
    return sorted(standings, key=lambda line: -(line.test.mean if line.test else -1.0))


def compare(mine: Mapping[int, RunResult], theirs: Mapping[int, RunResult]) -> PairedTest:
    """Final test accuracies on the seeds that both have, at least one."""
    shared = sorted(set(mine) & set(theirs))
    pairs = [[runs[s].test.after.mean for s in shared] for runs in (mine, theirs)]
    return compare_paired(*pairs)


def leaderboard_rows(suite: Suite, standings: Sequence[Standing]) -> Rows:
    """Header and a row per arm."""
    header = (
        "arm",
        "seeds",
        "test accuracy",
        "interquartile mean [95 %]",
        f"minus {suite.reference} [95 %]",
        "p (Holm)",
        f"beats {suite.reference}",
        "area (val)",
        "examples",
    )
    return (header, *(_row(line) for line in standings))


def _row(line: Standing) -> tuple[str, ...]:
    name = f"{line.arm} (control)" if line.control else line.arm
    seeds = f"{line.finished} of {line.wanted}"
    if line.test is None or line.area is None:
        return (name, seeds, *["not run"] + [""] * 6)
    if (test := line.against) is None:
        against = ("", "", "")
    else:
        against = (
            f"{test.difference.mean:+.4f} [{test.interval.low:+.4f}, {test.interval.high:+.4f}]",
            f"{line.p:.3f}" if line.p == line.p else "",
            f"{line.better:.2f}",
        )
    middle = line.middle
    return (
        name,
        seeds,
        _show(line.test),
        "" if middle is None else f"{middle.value:.4f} [{middle.low:.4f}, {middle.high:.4f}]",
        *against,
        _show(line.area),
        f"{line.examples:,.0f}",
    )


def _area(run: RunResult) -> float:
    return area_under_curve([point.mean for point in run.curve])


def _show(value: Estimate) -> str:
    return f"{value.mean:.4f} ± {value.stderr:.4f}"
