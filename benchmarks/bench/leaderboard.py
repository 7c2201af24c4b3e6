"""The results of a suite as one table: pure functions of results.

``test`` was read once in each run, after its end, for the student that was best on ``val``. Arms
are compared with their reference by the paired differences of the seeds that both have finished,
and the p-values are adjusted for the number of comparisons (``statistics.holm``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

import numpy as np

from teachgym.agents import teacher_entry
from teachgym.benchmarks.bench.outcomes import Outcome, Outcomes
from teachgym.benchmarks.bench.statistics import (
    FEWEST,
    Interval,
    PairedTest,
    bootstrap,
    compare_paired,
    compare_seeds,
    holm,
    interquartile_mean,
    probability_of_improvement,
    share_of_room,
)
from teachgym.benchmarks.bench.suites import Arm, Cell, Suite
from teachgym.report.captions import show_mean
from teachgym.report.tables import Rows, tabulate
from teachgym.types import FloatArray, FrozenDict, Score

Run = TypeVar("Run")
"""The known facts of a finished run."""

CEILING = "planned"
"""The arm up to which the room is measured, in suites that have it."""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """An arm's line."""

    arm: str
    control: bool
    tuned: bool
    observes: str
    """The observations its teacher decides by (``TeacherEntry.observes``); empty = not declared."""
    finished: int
    """Seeds with a result."""
    wanted: int
    """Seeds of the suite."""
    test: Score | None
    """Final test accuracy; None without results."""
    middle: Interval | None
    """Interquartile mean of final test accuracy with its bootstrap interval."""
    reference: str
    """The arm it is compared with; its own name if with none."""
    against: PairedTest | None
    """Test accuracy minus that of the reference, on the seeds that both have; None for itself."""
    p: float
    """Two-sided, adjusted for the number of arms; nan where there is no test."""
    better: float
    """Chance that a run of the arm beats a run of the reference, see ``match_scores``; nan
    without ``FEWEST`` runs of both."""
    bases: tuple[float, ...]
    """``against`` on each base of the student, mean over its seeds; empty where seeds draw none."""
    room: Interval | None
    """Share of the room from its reference to ``CEILING`` (``share_of_room``), on the seeds that
    all three have; None without such an arm, without ``FEWEST`` such seeds, or without room."""
    room_seeds: int
    """The number of these seeds."""
    beyond: Mapping[str, PairedTest]
    """Test accuracy minus that of each control in ``Suite.beyond``, where both have runs."""
    examples: float
    """Mean number of training examples; nan without results."""
    gap: Score | None
    """Gain on val minus gain on test (``RunResult.gap``), over runs; None without results."""
    figures: Mapping[str, Score] = FrozenDict()
    """Other metrics of the task on test (``Report.figures``), mean over runs."""
    with_aids: tuple[Score, Score] | None = None
    """Accuracy on val without and with aids (``RunResult.with_aids``), over runs; None without."""

    @property
    def title(self) -> str:
        """The arm's name, and what is special about it."""
        return f"{self.arm}{' (control)' * self.control}{' (tuned)' * self.tuned}"

    @property
    def share(self) -> str:
        """``room`` in words, with its n if that is not the arm's; empty without."""
        if self.room is None:
            return ""
        return self.room.show(2) + f" (n={self.room_seeds})" * (self.room_seeds != self.finished)


def stand(suite: Suite, outcomes: Outcomes) -> list[LeaderboardRow]:
    """One line per arm, best mean test accuracy first, arms without results last.

    ``outcomes`` are those of the suite's finished cells.
    """
    runs = by_arm(suite, outcomes)
    scores = {name: {s: run.test for s, run in own.items()} for name, own in runs.items()}
    tests = {
        arm.name: test
        for arm in suite.arms
        if (test := _compare(scores, arm.name, suite.compared(arm))) is not None
    }
    adjusted = holm({name: test.p for name, test in tests.items()})
    standings = []
    for arm in suite.arms:
        own, mine = runs[arm.name].values(), _array(scores[arm.name])
        rivals = match_scores(suite, scores[arm.name], scores[suite.compared(arm)])
        tested = arm.name in tests
        room, room_seeds = _room_share(scores, arm.name, suite.compared(arm))
        standings.append(
            LeaderboardRow(
                arm=arm.name,
                control=arm.control,
                tuned=arm.tuned,
                observes=teacher_entry(arm.teacher).observes or "",
                finished=len(mine),
                wanted=len(suite.all_seeds),
                test=Score.of_repetitions(mine) if len(mine) else None,
                middle=bootstrap(mine, interquartile_mean, np.random.default_rng(0))
                if len(mine)
                else None,
                reference=suite.compared(arm),
                against=tests.get(arm.name),
                p=adjusted.get(arm.name, float("nan")),
                better=probability_of_improvement(*rivals, paired=bool(suite.seeded))
                if tested and min(map(len, rivals)) >= FEWEST
                else math.nan,
                bases=_by_base(suite, arm, scores) if tested else (),
                room=room,
                room_seeds=room_seeds,
                beyond={
                    control: test
                    for control in suite.beyond
                    if (test := _compare(scores, arm.name, control)) is not None
                },
                examples=fmean(run.examples for run in own) if own else math.nan,
                gap=Score.of_repetitions(run.gap for run in own) if own else None,
                figures=_figures(own),
                with_aids=_with_aids(own),
            )
        )
    return sorted(standings, key=lambda line: -(line.test.mean if line.test else -1.0))


def by_arm(suite: Suite, results: Mapping[tuple[str, int], Run]) -> dict[str, dict[int, Run]]:
    """Runs of every arm by seed, in the order of seeds; empty for an arm without any."""
    return {
        arm.name: {s: results[arm.name, s] for s in suite.all_seeds if (arm.name, s) in results}
        for arm in suite.arms
    }


def by_condition(
    suite: Suite, standings: Sequence[LeaderboardRow]
) -> dict[str, list[LeaderboardRow]]:
    """Lines by condition in the order of the suite: what is compared with each other."""
    conditions = {arm.name: arm.condition for arm in suite.arms}
    panels: dict[str, list[LeaderboardRow]] = {name: [] for name in conditions.values()}
    for line in standings:
        panels[conditions[line.arm]].append(line)
    return panels


def match_scores(
    suite: Suite, mine: Mapping[int, float], theirs: Mapping[int, float]
) -> tuple[FloatArray, FloatArray]:
    """Scores by seed of two arms as shapes (n_mine,) and (n_theirs,), to compare run by run.

    Where seeds decide the environment too (``Suite.seeded``), only runs of one seed can be
    compared: then they are those of the seeds that both have, in the same order.
    """
    if not suite.seeded:
        return _array(mine), _array(theirs)
    shared = sorted(mine.keys() & theirs.keys())
    return _array({s: mine[s] for s in shared}), _array({s: theirs[s] for s in shared})


def _array(scores: Mapping[int, float]) -> FloatArray:
    return np.array(list(scores.values()))


def _compare(scores: Mapping[str, Mapping[int, float]], arm: str, other: str) -> PairedTest | None:
    """Two arms on the seeds that both have; None for an arm with itself, or without such a seed."""
    return None if arm == other else compare_seeds(scores[arm], scores[other])


def _by_base(
    suite: Suite, arm: Arm, scores: Mapping[str, Mapping[int, float]]
) -> tuple[float, ...]:
    """Mean difference of test accuracy to the reference on each base that any seed has drawn."""
    mine, theirs = scores[arm.name], scores[suite.compared(arm)]
    differences: dict[int, list[float]] = {}
    for seed in sorted(mine.keys() & theirs.keys()):
        if (base := Cell(suite, arm, seed).base) is not None:
            differences.setdefault(base, []).append(mine[seed] - theirs[seed])
    return tuple(fmean(differences[base]) for base in sorted(differences))


def _room_share(
    scores: Mapping[str, Mapping[int, float]], arm: str, floor: str
) -> tuple[Interval | None, int]:
    """Share of the room from ``floor`` to ``CEILING`` (``share_of_room``), and its seeds.

    None without such an arm, without a seed that all three have, or without room.
    """
    names = (arm, floor, CEILING)
    if arm == floor or not scores.keys() >= set(names):
        return None, 0
    shared = sorted(set.intersection(*(set(scores[name]) for name in names)))
    if not shared:
        return None, 0
    mine, low, high = ([scores[name][s] for s in shared] for name in names)
    return share_of_room(mine, low, high, np.random.default_rng(0)), len(shared)


def _with_aids(runs: Collection[Outcome]) -> tuple[Score, Score] | None:
    pairs = [run.with_aids for run in runs if run.with_aids is not None]
    if not pairs:
        return None
    own, helped = zip(*pairs, strict=True)
    return Score.of_repetitions(own), Score.of_repetitions(helped)


def _figures(runs: Collection[Outcome]) -> dict[str, Score]:
    """Mean and error over runs of what their best students reached on test besides accuracy."""
    names = dict.fromkeys(name for run in runs for name in run.figures)
    return {
        name: Score.of_repetitions(run.figures.get(name, math.nan) for run in runs)
        for name in names
    }


def leaderboard_rows(suite: Suite, standings: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per arm: its accuracy, and how it differs from what it is compared with."""
    several = len({suite.compared(arm) for arm in suite.arms}) > 1
    tested = any(line.against and line.against.known for line in standings)
    minus = f"minus {_reference(suite)}" + " [95 %]" * tested
    return tabulate(
        {
            "arm": line.title,
            "seeds": f"{line.finished} of {line.wanted}",
            "test accuracy": line.test.show(".4f") if line.test else "not run",
            "compared with": line.reference if several and line.arm != line.reference else "",
            minus: _against(line),
            "share of the room [95 %]": line.share,
            "p (Holm)": show_p(line.p),
        }
        for line in standings
    )


def remark_absent(suite: Suite, standings: Sequence[LeaderboardRow]) -> str:
    """A sentence on the figures that a leaderboard has not, and why; empty where it has all.

    Figures whose intervals are those of a bootstrap over seeds take ``FEWEST`` seeds of an arm.
    """
    counts = [line.finished for line in standings if line.finished]
    ceiling = any(arm.name == CEILING for arm in suite.arms)
    if not counts:
        return ""
    if max(counts) < FEWEST:
        room = ", the share of the room" if ceiling else ""
        return (
            f"No arm has {FEWEST} seeds, and fewer do not tell these figures, which are left out: "
            f"bootstrap intervals{room}, chances to beat another arm, performance profiles, places."
        )
    if ceiling and not any(line.room for line in standings):
        return (
            f"The share of the room is left out: it takes {FEWEST} seeds of {CEILING}, of the arm "
            f"and of its reference, on which {CEILING} is surely above the reference."
        )
    return ""


def detail_rows(suite: Suite, standings: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per arm with results: what else its test accuracies say."""
    found = [line for line in standings if line.finished]
    middles = any(line.middle and math.isfinite(line.middle.low) for line in found)
    figures = tuple(dict.fromkeys(name for line in found for name in line.figures))
    chances = f"beats {_reference(suite)}"
    return tabulate(
        {
            "arm": line.arm,
            "observes": line.observes,
            **_over_bases(line.bases),
            "interquartile mean" + " [95 %]" * middles: line.middle.show(4) if line.middle else "",
            chances: f"{line.better:.2f}" if line.better == line.better else "",
            **{
                f"beyond {name}": _show(line, test.difference if test else None, "+.4f")
                for name in suite.beyond
                for test in (line.beyond.get(name),)
            },
            "gain on val minus test": _show(line, line.gap, "+.4f"),
            **{f"test {name}": _show(line, line.figures.get(name)) for name in figures},
            "val without aids": _show(line, line.with_aids and line.with_aids[0]),
            "val with aids": _show(line, line.with_aids and line.with_aids[1]),
            "examples": f"{line.examples:,.0f}",
        }
        for line in found
    )


def _reference(suite: Suite) -> str:
    several = len({suite.compared(arm) for arm in suite.arms}) > 1
    return "its reference" if several else suite.reference


def _against(line: LeaderboardRow) -> str:
    """The difference, with its n if that is not the arm's: of runs without a run to be paired."""
    if line.against is None:
        return ""
    n = line.against.difference.n
    return line.against.show() + f" (n={n})" * (line.against.known and n != line.finished)


def _show(line: LeaderboardRow, score: Score | None, form: str = ".4f") -> str:
    return show_mean(score, form, line.finished)


def show_p(p: float) -> str:
    """A p-value in three digits; nothing where there is none."""
    if p != p:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _over_bases(differences: Sequence[float]) -> dict[str, str]:
    """The difference with bases as its repetitions, and on how many it is above 0."""
    n, above = len(differences), sum(difference > 0 for difference in differences)
    shown = compare_paired(differences, [0.0] * n).show("base") if n > 1 else ""
    return {"over bases [95 %]": shown, "above on": f"{above} of {n}" * (n > 1)}
