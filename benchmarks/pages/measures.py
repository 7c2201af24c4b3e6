"""The section on measures: what was kept, what was lost, how early, how far from the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields

from teachgym.benchmarks.bench.leaderboard import CEILING, LeaderboardRow, by_arm, by_condition
from teachgym.benchmarks.bench.measures import Measures, restricted_mean, time_to
from teachgym.benchmarks.bench.outcomes import Outcome, Outcomes
from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.pages.captions import errors
from teachgym.benchmarks.pages.charts import titled
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.report.captions import show_mean
from teachgym.report.html import Section, figure, html_table
from teachgym.report.tables import Rows, tabulate
from teachgym.types import Score

SHARE = 0.8
"""The share of the ceiling's gain on val that a run has to reach."""
_SIGNED = ("backward_transfer", "worst_change", "held_out_skills", "held_out_levels")
Runs = Mapping[str, Mapping[int, Outcome]]
"""Runs by arm and seed; >= 1 run of each arm."""


def measure_section(bench: BenchMaterial) -> Section:
    """A table of measures for each condition."""
    parts = [
        figure(
            titled("By arm", bench, condition),
            f"Ceiling: {ceiling}.",
            html_table(rows, sortable=True),
        )
        for condition, ceiling, rows in condition_measures(
            bench.suite, bench.standings, bench.outcomes
        )
    ]
    counts = [len(runs) for runs in bench.runs.values()]
    intro = (
        f"Means over runs, {errors(counts)}. Area: mean height of the curve of val. Regret: area "
        "of the ceiling minus that of the arm, paired by seed; the ceiling is the control planned, "
        "or else the arm with the largest area, which is too large by chance. Backward transfer: "
        "change of a skill from the last step that taught it to the end, skills taught to the end "
        "left out. Forgetting: what skills lost since they were best. Worst skill and change: "
        "the lowest of any skill on test; where arms divide the task into skills of their own, of "
        "these, which cannot be compared. Held out: gain on test of skills and levels that nobody "
        f"could order and val does not show. Examples to {SHARE:.0%}: until val first shows that "
        "share of the ceiling's gain with the same seed; runs that never do count with the most "
        "examples of any run, and in brackets is how many do."
    )
    return Section("measures", "Kept, lost and how early", intro, parts)


def condition_measures(
    suite: Suite, standings: Sequence[LeaderboardRow], outcomes: Outcomes
) -> Iterator[tuple[str, str, Rows]]:
    """Each condition with results, its ceiling, and the measures of its arms, best first."""
    runs = by_arm(suite, outcomes)
    for condition, lines in by_condition(suite, standings).items():
        if own := {line.arm: runs[line.arm] for line in lines if line.finished}:
            ceiling = find_ceiling(own)
            yield condition, ceiling, measure_rows(own, ceiling)


def measure_rows(runs: Runs, ceiling: str) -> Rows:
    """Header and a row per arm; what no arm has is left out."""
    times = find_times(runs, ceiling)
    return tabulate(
        {
            "arm": f"{arm} (n={len(seeds)})",
            **{
                name.replace("_", " "): show_mean(mean, "+" * (name in _SIGNED) + ".4f", len(seeds))
                for name, mean in _means(seeds.values()).items()
            },
            "regret": show_mean(
                None if arm == ceiling else regret(runs[ceiling], seeds), "+.4f", len(seeds)
            ),
            f"examples to {SHARE:.0%}": times.get(arm, ""),
        }
        for arm, seeds in runs.items()
    )


def find_ceiling(runs: Runs) -> str:
    """``CEILING`` if it has runs, else the arm with the largest mean area."""
    areas = {arm: _means(own.values())["area"].mean for arm, own in runs.items()}
    return CEILING if CEILING in areas else max(areas, key=areas.__getitem__)


def regret(best: Mapping[int, Outcome], mine: Mapping[int, Outcome]) -> Score:
    """Mean over steps of how far ``val`` is below that of the best arm, paired by seed.

    The regret of bandits, with the accuracy after a step as its reward, divided by the steps.
    """
    shared = sorted(set(best) & set(mine))
    return Score.of_repetitions(
        [best[seed].measures.area - mine[seed].measures.area for seed in shared]
    )


def find_times(runs: Runs, ceiling: str) -> dict[str, str]:
    """Examples to ``SHARE`` of the ceiling's gain by arm, and how many of its runs get there.

    The gain is the ceiling's with the same seed, since bases differ in what they can learn; seeds
    in which it has none are left out. The mean is ``measures.restricted_mean``. Empty where the
    ceiling has no gain at all.
    """
    gains = {seed: run.curve[-1] - run.curve[0] for seed, run in runs[ceiling].items()}
    gains = {seed: gain for seed, gain in gains.items() if gain > 0}
    times = {
        arm: [
            time_to(run.curve, run.examples_by_step, run.curve[0] + SHARE * gains[seed])
            for seed, run in own.items()
            if seed in gains
        ]
        for arm, own in runs.items()
    }
    horizon = max(sum(run.examples_by_step) for own in runs.values() for run in own.values())
    return {
        arm: f"{restricted_mean(own, horizon).show(',.0f')} "
        f"({sum(map(math.isfinite, own))} of {len(own)})"
        for arm, own in times.items()
        if own
    }


def _means(runs: Iterable[Outcome]) -> dict[str, Score]:
    """Mean and error over runs of each of ``Measures``, where there is something to measure."""
    measured = [asdict(run.measures) for run in runs]
    return {f.name: Score.of_repetitions(run[f.name] for run in measured) for f in fields(Measures)}
