"""How sure the places of a bench are, by hand."""

from __future__ import annotations

import math

import pytest

from teachgym.benchmarks.bench.leaderboard import stand
from teachgym.benchmarks.bench.outcomes import Outcome
from teachgym.benchmarks.bench.statistics import compare_paired, seeds_needed
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.ranks import rank_rows

BASE = [0.50, 0.52, 0.49, 0.53, 0.51, 0.50]
WORSE = [0.40, 0.43, 0.40, 0.42, 0.41, 0.39]


def bench(scores: dict[str, list[float]]) -> BenchMaterial:
    """A bench of these test accuracies; the first arm is a control."""
    arms = tuple(Arm(name, "uniform", control=not n) for n, name in enumerate(scores))
    suite = Suite("s", 1, "", arms, seeds=6, reference=arms[0].name)
    outcomes = {
        (arm, seed): Outcome(score) for arm, own in scores.items() for seed, score in enumerate(own)
    }
    return BenchMaterial(suite, {}, outcomes, {}, stand(suite, outcomes), (), {}, (), {})


def rows(scores: dict[str, list[float]]) -> dict[str, tuple[str, ...]]:
    made = bench(scores)
    header, *lines = rank_rows(made, made.panels[""])
    assert header[1] == "places [95 %, all at once]"
    return {name: tuple(others) for name, *others in lines}


def test_places_are_certain_where_every_seed_agrees_and_controls_have_none() -> None:
    """Nobody is between the copies, so the two share places 1 and 2."""
    found = rows({"control": BASE, "good": BASE, "copy": BASE, "bad": WORSE})
    assert {name: own[0] for name, own in found.items()} == {
        "good": "1 to 2",
        "copy": "1 to 2",
        "bad": "3",
    }


def test_the_seeds_are_those_of_the_deviation_that_was_seen() -> None:
    """Equal ones have no deviation, so no number."""
    found = rows({"control": BASE, "equal": BASE, "bad": WORSE})
    difference = compare_paired(WORSE, BASE).difference
    assert found["bad"][1] == str(seeds_needed(0.01, difference.stderr * math.sqrt(6)))
    assert found["equal"][1] == ""


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_have_no_places(seeds: int) -> None:
    found = rows({"control": BASE[:seeds], "one": BASE[:seeds], "other": WORSE[:seeds]})
    assert set(found.values()) == {("", "")}
