"""A bench in one sentence of facts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from teachgym.benchmarks.bench.leaderboard import CEILING, LeaderboardRow, show_p
from teachgym.benchmarks.bench.suites import Suite

SURE = 0.05
"""The adjusted p-value below which a difference counts as sure."""


def headline(suite: Suite, standings: Sequence[LeaderboardRow]) -> str:
    """Summarise a bench: the largest difference from a reference, how many are sure, the room.

    Controls take no part. Empty for several conditions, which have a table each, and where nothing
    is compared.
    """
    if len({arm.condition for arm in suite.arms}) > 1:
        return ""
    facts = "; ".join(_facts(standings))
    return f"{facts}." if facts else ""


def _facts(standings: Sequence[LeaderboardRow]) -> Iterator[str]:
    tested = [(line, line.against) for line in standings if line.against is not None]
    arms = [(line, test) for line, test in tested if not line.control]
    if not arms:
        return
    top, test = max(arms, key=lambda pair: pair[1].difference.mean)
    which = f"The largest of {len(arms)} differences" if len(arms) > 1 else "The one difference"
    yield f"{which} is that of {top.arm} from {top.reference}: {test.show()}{_chance(top.p)}"
    if len(arms) > 1 and not math.isnan(top.p):
        above = [test.difference.mean > 0 for line, test in arms if line.p < SURE]
        yield f"{sum(above)} of them surely above 0 and {len(above) - sum(above)} surely below"
    for line, test in tested:
        if line.arm == CEILING and test.known:
            yield f"the room up to {CEILING} is {test.show()}"


def _chance(p: float) -> str:
    """The p-value as part of a sentence; empty where there is none."""
    shown = show_p(p)
    return f", p {shown if shown.startswith('<') else f'= {shown}'}" if shown else ""
