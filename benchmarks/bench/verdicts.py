"""Verdicts of runs on published claims: they agree, contradict, or cannot tell."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from teachgym.benchmarks.bench.leaderboard import by_arm, show_p
from teachgym.benchmarks.bench.outcomes import SPENT, Outcome, Outcomes
from teachgym.benchmarks.bench.statistics import Interval, PairedTest, compare_seeds, holm
from teachgym.benchmarks.bench.suites import Cell, Claim, Suite
from teachgym.report.tables import NOTHING, Rows, tabulate

Verdict = Literal["agrees", "contradicts", "cannot tell"]

UNTOLD = ("steps", "seconds")
"""Currencies that say nothing of what a method needs."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim, and what the runs of its two arms say of it."""

    claim: Claim
    meter: str
    """The spending allowed to both arms, by the budget of each."""
    spent: str
    """Mean spending of the arm's runs."""
    spent_against: str
    """Mean spending of the other arm's runs."""
    test: PairedTest | None
    """The arm minus the other, by test accuracy or with aids; None without a seed of both."""
    verdict: Verdict

    @property
    def title(self) -> str:
        """The claim in words."""
        claim = self.claim
        return f"{claim.arm} {claim.direction} {claim.against}" + ", with aids" * claim.aided


def judge(direction: Literal["above", "below"], interval: Interval) -> Verdict:
    """The verdict of a paired difference's interval on the published direction.

    Example:
        >>> judge("above", Interval(0.02, 0.01, 0.03)), judge("below", Interval(0.02, 0.01, 0.03))
        ('agrees', 'contradicts')
    """
    if not (interval.low > 0 or interval.high < 0):
        return "cannot tell"
    found = "above" if interval.low > 0 else "below"
    return "agrees" if found == direction else "contradicts"


def judge_claims(suite: Suite, outcomes: Outcomes) -> list[Judged]:
    """The claims of a suite in their order, each by the runs of its two arms."""
    runs = by_arm(suite, outcomes)
    arms = {arm.name: arm for arm in suite.arms}
    judged = []
    for claim in suite.claims:
        mine, theirs = runs[claim.arm], runs[claim.against]
        scores = ({s: _score(claim, run) for s, run in own.items()} for own in (mine, theirs))
        test = compare_seeds(*scores)
        meters = [_meter(Cell(suite, arms[name], 0)) for name in (claim.arm, claim.against)]
        judged.append(
            Judged(
                claim,
                " / ".join(dict.fromkeys(meters)),
                _spent(mine.values()),
                _spent(theirs.values()),
                test,
                judge(claim.direction, test.interval) if test else "cannot tell",
            )
        )
    return judged


def _score(claim: Claim, run: Outcome) -> float:
    """The accuracy that a claim is about."""
    if not claim.aided:
        return run.test
    return run.with_aids[1] if run.with_aids else run.curve[-1]


def claim_rows(judged: Sequence[Judged]) -> Rows:
    """Header and a row for each claim: seeds, the interval, the verdict, and p.

    Verdicts are by each interval alone; p is adjusted for all claims that were run (Holm).
    """
    p_values = holm({j: j.test.p for j in judged if j.test})
    return tabulate(
        {
            "claim": j.title,
            "arXiv": j.claim.paper,
            "seeds": str(j.test.difference.n) if j.test else "0",
            "difference [95 %]": j.test.show() if j.test else NOTHING,
            "verdict": j.verdict if j.test else "not run",
            "p (Holm)": show_p(p_values.get(j, math.nan)),
        }
        for j in judged
    )


def effort_rows(judged: Iterable[Judged]) -> Rows:
    """Header and a row for each claim: its meter, and what a run of each side spent."""
    header = ("claim", "meter", "spent", "spent by the other")
    return (header, *((j.title, j.meter, j.spent, j.spent_against) for j in judged))


def _meter(cell: Cell) -> str:
    """The limits of a run."""
    limits = cell.config.env_settings["budget"]
    return _amounts((name, n) for name, n in limits.items() if n is not None)


def _spent(runs: Collection[Outcome]) -> str:
    """The mean costs of runs; what was made and not trained on is told as rejected."""
    if not runs:
        return NOTHING
    names = [name for name in SPENT if name not in UNTOLD]
    means = {name: fmean(run.spent.get(name, 0) for run in runs) for name in names}
    return _amounts((name, mean) for name, mean in means.items() if mean)


def _amounts(amounts: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{amount:,.0f} {name.replace('_', ' ')}" for name, amount in amounts)
