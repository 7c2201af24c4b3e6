"""Two benches are compared by how they rank arms, two arms by their runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from teachgym.benchmarks.bench.leaderboard import (
    detail_rows,
    leaderboard_rows,
    match_scores,
    remark_absent,
    stand,
)
from teachgym.benchmarks.bench.outcomes import Outcome, Outcomes, outcomes_of
from teachgym.benchmarks.bench.runner import read_results
from teachgym.benchmarks.bench.statistics import compare_paired
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.bench.suites.suite import BASE
from tests.benchmarks.bench.small_bench import SUITE, run_all


def runs(scores: Mapping[str, Sequence[float]]) -> Outcomes:
    """Outcomes by arm and seed that have a final test accuracy and nothing else."""
    return {
        (arm, seed): Outcome(score) for arm, own in scores.items() for seed, score in enumerate(own)
    }


@pytest.mark.parametrize(
    ("seeded", "mine", "theirs"),
    [((), [0.3, 0.5, 0.9], [0.2, 0.4]), (("stress.seed",), [0.5], [0.2])],
)
def test_runs_meet_those_of_their_seed_where_seeds_decide_more_than_training(
    seeded: tuple[str, ...], mine: list[float], theirs: list[float]
) -> None:
    """Seeds 0, 1, 2 and 1, 4: one in common."""
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"),), seeded=seeded)
    matched = match_scores(suite, {0: 0.3, 1: 0.5, 2: 0.9}, {1: 0.2, 4: 0.4})
    assert [scores.tolist() for scores in matched] == [mine, theirs]


def test_a_difference_of_fewer_seeds_than_its_arm_has_says_so() -> None:
    """Three runs, of which two have a run of the reference: 0.1 and 0.3 above it."""
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"), Arm("alp", "alp")), seeds=3)
    standings = stand(suite, runs({"uniform": [0.2, 0.2], "alp": [0.3, 0.5, 0.9]}))
    shown = dict(zip(*leaderboard_rows(suite, standings)[:2], strict=True))
    assert (shown["arm"], shown["seeds"]) == ("alp", "3 of 3")
    assert shown["minus uniform [95 %]"].startswith("+0.2000 [")
    assert shown["minus uniform [95 %]"].endswith("] (n=2)")


def test_an_interval_of_runs_is_theirs_whatever_else_is_in_the_table() -> None:
    """Arms with equal runs have one interval, which is also that of a table with fewer arms."""
    names = ("uniform", "alp", "weakest")
    suite = Suite("s", 1, "", tuple(Arm(name, name) for name in names), seeds=7)
    own = [0.31, 0.35, 0.52, 0.44, 0.61, 0.39, 0.47]
    found = stand(suite, runs({"uniform": [0.4] * 7, "alp": own, "weakest": own}))
    few = stand(suite.narrowed(["weakest"]), runs({"uniform": [0.4] * 7, "weakest": own}))
    middles = {(line.arm, line.middle) for line in (*found, *few) if line.arm != "uniform"}
    assert len(middles) == 2


def test_a_share_of_the_room_over_fewer_seeds_than_its_arm_has_says_so() -> None:
    """Six runs of the arm, five of the ceiling: (0.05 + 4 * 0.06) / 5 of a room of 0.1 each."""
    names = ("uniform", "alp", "planned")
    suite = Suite("s", 1, "", tuple(Arm(name, "uniform") for name in names), seeds=6)
    floor = [0.50, 0.52, 0.49, 0.53, 0.51, 0.50]
    middle = [0.55, *(score + 0.06 for score in floor[1:5]), 0.9]
    scores = {"uniform": floor, "alp": middle, "planned": [score + 0.1 for score in floor[:5]]}
    rows = [
        dict(zip(header, row, strict=True))
        for header, *lines in [leaderboard_rows(suite, stand(suite, runs(scores)))]
        for row in lines
    ]
    shown = {row["arm"]: row["share of the room [95 %]"] for row in rows}
    assert re.fullmatch(r"0\.58 \[0\.5\d, 0\.60\] \(n=5\)", shown["alp"])
    assert shown["planned"] == "1.00"


@pytest.mark.slow
def test_differences_are_shown_with_bases_as_repetitions(tmp_path: Path) -> None:
    """Seven seeds take the five bases in turn, so the first two bases have two runs each."""
    suite = replace(SUITE, seeded=(BASE,), seeds=7)
    run_all(suite, tmp_path)
    results = read_results(suite, tmp_path)
    outcomes = outcomes_of(results)
    (line,) = (line for line in stand(suite, outcomes) if line.arm == "weak")
    changes = [
        results["weak", seed].test.after.mean - results["uniform", seed].test.after.mean
        for seed in range(7)
    ]
    expected = [fmean(changes[base::5]) for base in range(5)]
    assert line.bases == pytest.approx(expected)
    shown = dict(zip(*(detail_rows(suite, [line])), strict=True))
    assert shown["over bases [95 %]"] == compare_paired(expected, [0.0] * 5).show("base")
    assert shown["above on"] == f"{sum(change > 0 for change in expected)} of 5"


FLOOR = [0.50, 0.52, 0.49, 0.53, 0.51]
MIDDLE = [0.55, 0.57, 0.56, 0.57, 0.55]
TOP = [0.60, 0.61, 0.60, 0.62, 0.61]


@pytest.mark.parametrize(
    ("seeds", "top", "remark"),
    [
        (2, TOP, "No arm has 5 seeds, .* bootstrap intervals, the share of the room, chances"),
        (5, FLOOR, "The share of the room is left out: it takes 5 seeds of planned,"),
        (5, TOP, "$"),
    ],
)
def test_a_leaderboard_says_which_figures_it_has_not_and_why(
    seeds: int, top: list[float], remark: str
) -> None:
    names = ("uniform", "alp", "planned")
    suite = Suite("s", 1, "", tuple(Arm(n, "uniform") for n in names), seeds=5, reference="uniform")
    scores = dict(zip(names, (FLOOR, MIDDLE, top), strict=True))
    lines = stand(suite, runs({name: own[:seeds] for name, own in scores.items()}))
    assert re.match(remark, remark_absent(suite, lines))
    columns = (*leaderboard_rows(suite, lines)[0], *detail_rows(suite, lines)[0])
    assert ("share of the room [95 %]" in columns) == (seeds == 5 and top is TOP)
    assert ("beats uniform" in columns) == (seeds == 5)


def test_a_leaderboard_without_runs_or_without_a_ceiling_has_no_such_remark() -> None:
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"), Arm("alp", "alp")), seeds=5)
    assert remark_absent(suite, stand(suite, {})) == ""
    assert remark_absent(suite, stand(suite, runs({"uniform": FLOOR, "alp": MIDDLE}))) == ""
    assert "room" not in remark_absent(suite, stand(suite, runs({"uniform": [0.5]})))
