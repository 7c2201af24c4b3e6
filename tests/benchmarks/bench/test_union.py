"""Comparisons of several benches are counted once each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.benchmarks.bench.statistics import compare_paired, holm
from teachgym.benchmarks.bench.union import compare_union, shared_arms, union_rows
from teachgym.cli.commands import app
from teachgym.errors import ConfigError
from tests.benchmarks.bench.small_bench import SUITE, run_all

BASE, GOOD, FAIR = [0.5, 0.6, 0.4, 0.5], [0.6, 0.72, 0.49, 0.61], [0.52, 0.6, 0.43, 0.5]


def lines(suite: str, against: str = "uniform", **arms: tuple[str, list[float]]) -> list[Any]:
    """Lines of arms, each with its digest and its scores."""
    return [
        {
            "suite": suite,
            "arm": name,
            "against": against,
            "digest": digest,
            "seed": seed,
            "drawn": seed,
            "test_after": score,
        }
        for name, (digest, scores) in arms.items()
        for seed, score in enumerate(scores)
    ]


def test_a_comparison_that_two_suites_make_counts_once_and_on_all_its_seeds() -> None:
    """Three different comparisons, of which two are in both suites: Holm's m is 3, not 5."""
    first = lines("a", uniform=("u", BASE), good=("g", GOOD), fair=("f", FAIR))
    second = lines("b", uniform=("u", BASE[:3]), best=("g", GOOD), even=("f", FAIR))
    second += lines("b", other=("o", [0.4, 0.5, 0.41, 0.3]))
    found = compare_union(first + second)
    assert [(c.arm, c.suites) for c in found] == [
        ("good", ("a", "b")),
        ("other", ("b",)),
        ("fair", ("a", "b")),
    ]
    alone = {"good": GOOD, "other": [0.4, 0.5, 0.41, 0.3], "fair": FAIR}
    adjusted = holm({name: compare_paired(own, BASE).p for name, own in alone.items()})
    assert {c.arm: c.p for c in found} == pytest.approx(adjusted)
    assert all(c.test.difference.n == 4 for c in found)
    assert shared_arms(first + second) == {
        "uniform": ("a/uniform", "b/uniform"),
        "good": ("a/good", "b/best"),
        "fair": ("a/fair", "b/even"),
    }
    assert union_rows(found)[1][:4] == ("good", "uniform", "a, b", "4")


def test_the_same_outcome_under_other_digests_or_reversed_counts_once() -> None:
    """Two different outcomes of four comparisons: Holm's m is 2."""
    first = lines("a", uniform=("u", BASE), good=("g", GOOD), fair=("f", FAIR))
    second = lines("b", uniform=("u2", BASE), good=("g2", GOOD))
    third = lines("c", "good", uniform=("u3", BASE), good=("g3", GOOD))
    found = compare_union(first + second + third)
    assert len(found) == 4
    p_values = [compare_paired(own, BASE).p for own in (GOOD, FAIR)]
    assert {c.p for c in found} == set(holm(dict(enumerate(p_values))).values())


def test_two_comparisons_are_two_though_mean_and_p_are_equal() -> None:
    """0.1 above the reference in the first and third seed, and in the second and fourth."""
    even = [0.5] * 4
    first, second = [0.6, 0.5, 0.6, 0.5], [0.5, 0.6, 0.5, 0.6]
    found = compare_union(lines("a", uniform=("u", even), x=("x", first), y=("y", second)))
    alone = compare_paired(first, even).p
    assert [c.p for c in found] == [pytest.approx(2 * alone)] * 2


def test_a_copy_with_other_seeds_is_another_arm() -> None:
    copy = [{**line, "drawn": line["seed"] + 100} for line in lines("a", copy=("u", FAIR))]
    [compared] = compare_union(lines("a", uniform=("u", BASE)) + copy)
    assert compared.test.difference.mean == pytest.approx(
        compare_paired(FAIR, BASE).difference.mean
    )
    assert shared_arms(copy) == {}


def test_one_run_with_two_outcomes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"arm 'x' of b has another outcome for seed 0"):
        compare_union(lines("a", uniform=("u", BASE)) + lines("b", x=("u", GOOD)))


@pytest.mark.slow
def test_several_benches_are_reported_as_one(tmp_path: Path) -> None:
    """From a folder, and from the lines of another."""
    for name in ("one", "two"):
        run_all(replace(SUITE, name=name), tmp_path / name)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert CliRunner().invoke(app, ["report", two]).exit_code == 0
    told = CliRunner().invoke(app, ["report", one, f"{two}/results.jsonl", "--markdown"])
    assert told.exit_code == 0, told.output
    assert "| weak | uniform | one-v1, two-v1 | 2 |" in told.output
    assert "uniform: one-v1/uniform, two-v1/uniform" in told.output
    wrong = CliRunner().invoke(app, ["report", one, str(tmp_path)])
    assert wrong.exit_code == 2
