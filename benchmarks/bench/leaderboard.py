"""The results of a suite as one table: pure functions of results.

``test`` was read once in each run, after its end, for the student that was best on ``val``. Arms
are compared with their reference by the paired differences of the seeds that both have finished,
and the p-values are adjusted for the number of comparisons (``analysis.holm``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from teachgym.agents import teacher_entry
from teachgym.benchmarks.bench.statistics import (
    Interval,
    PairedTest,
    bootstrap,
    compare_paired,
    holm,
    interquartile_mean,
    probability_of_improvement,
    share_of_room,
)
from teachgym.benchmarks.bench.suites import Arm, Cell, Suite
from teachgym.errors import ConfigError
from teachgym.metrics import rank_correlation
from teachgym.report.tables import Rows
from teachgym.runs.result import RunResult
from teachgym.types import FloatArray, FrozenDict, Score

Results = Mapping[tuple[str, int], RunResult]
"""By name of the arm and seed; cells that are not finished are left out."""


FEWEST_ARMS = 3
"""Arms that a rank correlation takes: of two it is +1 or -1 whatever they are."""


CEILING = "planned"
"""The arm up to which the room is measured, in suites that have it."""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """An arm's line."""

    arm: str
    control: bool
    tuned: bool
    observes: str
    """What its teacher decides by (``TeacherEntry.observes``); empty = not declared."""
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
    without either."""
    bases: tuple[float, ...]
    """``against`` on each base of the student, mean over its seeds; empty where seeds draw none."""
    room: Interval | None
    """Share of the room from its reference to ``CEILING`` (``share_of_room``), on the seeds that
    all three have; None without such an arm, or without room."""
    beyond: Mapping[str, PairedTest]
    """Test accuracy minus that of each control in ``Suite.beyond``, where both have runs."""
    examples: float
    """Mean number of training examples; nan without results."""
    gap: Score | None
    """Gain on val minus gain on test (``RunResult.gap``), over runs; None without results."""
    figures: Mapping[str, Score] = FrozenDict()
    """What the task measures on test besides accuracy (``Report.figures``), mean over runs."""
    with_aids: tuple[Score, Score] | None = None
    """Accuracy on val without and with aids (``RunResult.with_aids``), over runs; None without."""


def stand(suite: Suite, results: Results, *, seed: int = 0) -> list[LeaderboardRow]:
    """One line per arm, best mean test accuracy first, arms without results last.

    Args:
        suite: what was compared.
        results: of its finished cells.
        seed: of the bootstrap.
    """
    runs = by_arm(suite, results)
    scores = {name: _by_seed(own) for name, own in runs.items()}
    tests = {
        arm.name: test
        for arm in suite.arms
        if (test := _compare(runs, arm.name, suite.compared(arm))) is not None
    }
    adjusted = holm({name: test.p for name, test in tests.items()})
    rng = np.random.default_rng(seed)
    standings = []
    for arm in suite.arms:
        mine = _scores(runs[arm.name])
        rivals = match_scores(suite, runs[arm.name], runs[suite.compared(arm)])
        tested = arm.name in tests
        standings.append(
            LeaderboardRow(
                arm=arm.name,
                control=arm.control,
                tuned=arm.tuned,
                observes=teacher_entry(arm.teacher).observes or "",
                finished=len(mine),
                wanted=suite.seeds,
                test=Score.of_repetitions(mine) if len(mine) else None,
                middle=bootstrap(mine, interquartile_mean, rng) if len(mine) else None,
                reference=suite.compared(arm),
                against=tests.get(arm.name),
                p=adjusted.get(arm.name, float("nan")),
                better=probability_of_improvement(*rivals, paired=bool(suite.seeded))
                if tested
                else float("nan"),
                bases=_by_base(suite, arm, runs) if tested else (),
                room=room_share(scores, arm.name, suite.compared(arm), seed),
                beyond={
                    control: test
                    for control in suite.beyond
                    if (test := _compare(runs, arm.name, control)) is not None
                },
                examples=_mean_examples(runs[arm.name].values()),
                gap=_gap(runs[arm.name].values()),
                figures=_figures(runs[arm.name].values()),
                with_aids=_with_aids(runs[arm.name].values()),
            )
        )
    return sorted(standings, key=lambda line: -(line.test.mean if line.test else -1.0))


def by_arm(suite: Suite, results: Results) -> dict[str, dict[int, RunResult]]:
    """Results of every arm by seed, in the order of seeds; empty for an arm without any."""
    return {
        arm.name: {s: results[arm.name, s] for s in range(suite.seeds) if (arm.name, s) in results}
        for arm in suite.arms
    }


def agreement(ours: Results, theirs: Results) -> tuple[float, int]:
    """How alike two benches rank the arms that both have: Spearman's rho and the number of arms.

    By mean test accuracy. Controls count: they are arms too.

    Raises:
        ConfigError: for fewer than ``FEWEST_ARMS`` arms; two are always ranked alike or reversed.
    """
    first, second = _means(ours), _means(theirs)
    shared = [arm for arm in first if arm in second]
    if len(shared) < FEWEST_ARMS:
        raise ConfigError(
            f"the benches share {len(shared)} arms with results; a rank correlation takes at "
            f"least {FEWEST_ARMS}"
        )
    return rank_correlation([first[a] for a in shared], [second[a] for a in shared]), len(shared)


def _means(results: Results) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for (arm, _), run in results.items():
        scores.setdefault(arm, []).append(run.test.after.mean)
    return {arm: fmean(own) for arm, own in scores.items()}


def match_scores(
    suite: Suite, mine: Mapping[int, RunResult], theirs: Mapping[int, RunResult]
) -> tuple[FloatArray, FloatArray]:
    """Final test accuracies of two arms, shapes (n_mine,) and (n_theirs,), to compare run by run.

    Where seeds decide the environment too (``Suite.seeded``), only runs of one seed can be
    compared: then they are those of the seeds that both have, in the same order.
    """
    if not suite.seeded:
        return _scores(mine), _scores(theirs)
    shared = sorted(set(mine) & set(theirs))
    return _scores({s: mine[s] for s in shared}), _scores({s: theirs[s] for s in shared})


def compare(mine: Mapping[int, RunResult], theirs: Mapping[int, RunResult]) -> PairedTest:
    """Final test accuracies on the seeds that both have, at least one."""
    return compare_scores(*(_by_seed(runs) for runs in (mine, theirs)))


def compare_scores(mine: Mapping[int, float], theirs: Mapping[int, float]) -> PairedTest:
    """Scores by seed, on the seeds that both have, at least one."""
    shared = sorted(set(mine) & set(theirs))
    return compare_paired([mine[s] for s in shared], [theirs[s] for s in shared])


def _compare(
    runs: Mapping[str, Mapping[int, RunResult]], arm: str, other: str
) -> PairedTest | None:
    """The comparison of two arms; None for an arm with itself, or without a seed that both have."""
    if arm == other or not set(runs[arm]) & set(runs[other]):
        return None
    return compare(runs[arm], runs[other])


def _by_base(
    suite: Suite, arm: Arm, runs: Mapping[str, Mapping[int, RunResult]]
) -> tuple[float, ...]:
    """Mean difference of test accuracy to the reference on each base that any seed has drawn."""
    mine, theirs = runs[arm.name], runs[suite.compared(arm)]
    differences: dict[int, list[float]] = {}
    for seed in sorted(set(mine) & set(theirs)):
        if (base := Cell(suite, arm, seed).base) is not None:
            change = mine[seed].test.after.mean - theirs[seed].test.after.mean
            differences.setdefault(base, []).append(change)
    return tuple(fmean(differences[base]) for base in sorted(differences))


def room_share(
    scores: Mapping[str, Mapping[int, float]], arm: str, floor: str, seed: int = 0
) -> Interval | None:
    """Share of the room from ``floor`` to ``CEILING`` (``share_of_room``); scores by arm and seed.

    None without such an arm, without a seed that all three have, or without room.
    """
    names = (arm, floor, CEILING)
    if arm == floor or not scores.keys() >= set(names):
        return None
    shared = sorted(set.intersection(*(set(scores[name]) for name in names)))
    if not shared:
        return None
    mine, low, high = ([scores[name][s] for s in shared] for name in names)
    return share_of_room(mine, low, high, np.random.default_rng(seed))


def _by_seed(runs: Mapping[int, RunResult]) -> dict[int, float]:
    return {seed: run.test.after.mean for seed, run in runs.items()}


def _scores(runs: Mapping[int, RunResult]) -> FloatArray:
    return np.array([run.test.after.mean for run in runs.values()])


def _mean_examples(runs: Collection[RunResult]) -> float:
    return float(np.mean([run.spent.examples for run in runs])) if runs else float("nan")


def _gap(runs: Collection[RunResult]) -> Score | None:
    return Score.of_repetitions([run.gap.mean for run in runs]) if runs else None


def _with_aids(runs: Collection[RunResult]) -> tuple[Score, Score] | None:
    pairs = [pair for run in runs if (pair := run.with_aids) is not None]
    if not pairs:
        return None
    own, helped = ([score.mean for score in scores] for scores in zip(*pairs, strict=True))
    return Score.of_repetitions(own), Score.of_repetitions(helped)


def _figures(runs: Collection[RunResult]) -> dict[str, Score]:
    """Mean and error over runs of what their best students reached on test besides accuracy."""
    names = dict.fromkeys(name for run in runs for name in run.test.figures_after)
    nothing = Score.nothing()
    return {
        name: Score.of_repetitions(run.test.figures_after.get(name, nothing).mean for run in runs)
        for name in names
    }


def leaderboard_rows(suite: Suite, standings: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per arm: its accuracy, and how it differs from what it is compared with."""
    several = len({suite.compared(arm) for arm in suite.arms}) > 1
    tested = any(line.against and line.against.p == line.against.p for line in standings)
    header = (
        "arm",
        "seeds",
        "test accuracy",
        *(["compared with"] if several else []),
        f"minus {_reference(suite)}" + " [95 %]" * tested,
        *(["share of the room [95 %]"] if _has_room(standings) else []),
        "p (Holm)",
    )
    rooms = _has_room(standings)
    return (header, *(_row(line, several=several, rooms=rooms) for line in standings))


def _has_room(standings: Sequence[LeaderboardRow]) -> bool:
    return any(line.room is not None for line in standings)


def detail_rows(suite: Suite, standings: Sequence[LeaderboardRow]) -> Rows:
    """Header and a row per arm with results: what else its test accuracies say."""
    found = [line for line in standings if line.finished]
    middles = any(line.middle and math.isfinite(line.middle.low) for line in found)
    figures = tuple(dict.fromkeys(name for line in found for name in line.figures))
    bases = any(len(line.bases) > 1 for line in found)
    aids = any(line.with_aids for line in found)
    header = (
        "arm",
        "observes",
        *(["over bases [95 %]", "above on"] if bases else []),
        "interquartile mean" + " [95 %]" * middles,
        f"beats {_reference(suite)}",
        *(f"beyond {control}" for control in suite.beyond),
        "gain on val minus test",
        *(f"test {name}" for name in figures),
        *(["val without aids", "val with aids"] if aids else []),
        "examples",
    )
    rows = (
        (
            line.arm,
            line.observes,
            *(_over_bases(line.bases) if bases else []),
            line.middle.show(4) if line.middle else "",
            f"{line.better:.2f}" if line.against else "",
            *(_difference(line.beyond.get(control)) for control in suite.beyond),
            line.gap.show("+.4f") if line.gap else "",
            *(_show(line.figures.get(name)) for name in figures),
            *(map(_show, line.with_aids or (None, None)) if aids else []),
            f"{line.examples:,.0f}",
        )
        for line in found
    )
    return (header, *rows)


def _reference(suite: Suite) -> str:
    several = len({suite.compared(arm) for arm in suite.arms}) > 1
    return "its reference" if several else suite.reference


def _show(score: Score | None) -> str:
    return score.show(".4f") if score else ""


def _row(line: LeaderboardRow, *, several: bool, rooms: bool) -> tuple[str, ...]:
    name = f"{line.arm}{' (control)' * line.control}{' (tuned)' * line.tuned}"
    compared = "" if line.reference == line.arm else line.reference
    against, p = _against(line)
    return (
        name,
        f"{line.finished} of {line.wanted}",
        line.test.show(".4f") if line.test else "not run",
        *([compared] if several else []),
        against,
        *([line.room.show(2) if line.room else ""] if rooms else []),
        p,
    )


def _against(line: LeaderboardRow) -> tuple[str, str]:
    if (test := line.against) is None:
        return ("", "")
    return (show_test(test), show_p(line.p))


def show_p(p: float) -> str:
    """A p-value in three digits; nothing where there is none."""
    if p != p:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _over_bases(differences: Sequence[float]) -> tuple[str, str]:
    """The difference with bases as its repetitions, and on how many it is above 0."""
    if len(differences) < 2:
        return ("", "")
    test = compare_paired(differences, [0.0] * len(differences))
    above = sum(difference > 0 for difference in differences)
    return (show_test(test), f"{above} of {len(differences)}")


def show_test(test: PairedTest) -> str:
    """The difference, with its interval where there is a test."""
    return test.show() if test.p == test.p else f"{test.difference.mean:+.4f}"


def _difference(test: PairedTest | None) -> str:
    return test.difference.show("+.4f") if test else ""
