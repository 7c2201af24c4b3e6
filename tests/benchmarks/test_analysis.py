"""Tables from outcomes: paired differences and rank agreement by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from teachgym.benchmarks.analysis import Outcome, Row, agreement, compare, markdown
from teachgym.benchmarks.compare import Cell, missing, read_outcomes
from teachgym.metrics import Estimate


def _outcome(teacher: str, seed: int, test: float) -> Outcome:
    return Outcome("tiny", teacher, seed, 0.5, test, 0.6, 100, 1.0)


OUTCOMES = [
    *(_outcome("uniform", seed, test) for seed, test in enumerate([0.6, 0.8, 0.7])),
    *(_outcome("clever", seed, test) for seed, test in enumerate([0.7, 0.9, 0.9])),
]


def test_teachers_are_compared_by_the_differences_of_their_shared_seeds() -> None:
    """Differences 0.1, 0.1, 0.2: mean 0.1333, sd 0.057735, se 0.033333, so 4 errors away."""
    clever, uniform = compare(OUTCOMES)
    assert clever.teacher == "clever"
    assert clever.against is not None
    assert clever.against.mean == pytest.approx(0.13333333)
    assert clever.against.stderr == pytest.approx(0.03333333)
    assert clever.errors_away == pytest.approx(4)
    assert uniform.against is None
    assert math.isnan(uniform.errors_away)


def test_seeds_only_one_of_them_has_are_not_compared() -> None:
    rows = compare([*OUTCOMES, _outcome("clever", 99, 0.0)])
    clever = next(row for row in rows if row.teacher == "clever")
    assert clever.against is not None
    assert clever.against.n == 3
    assert clever.test.n == 4


def test_the_table_shows_n_and_standard_error_of_every_mean() -> None:
    table = markdown(compare(OUTCOMES))
    assert "| clever | 0.8333 ± 0.0667 (n=3) |" in table
    assert "+0.1333 ± 0.0333 (n=3) | +4.0 |" in table


def _row(teacher: str, mean: float) -> Row:
    return Row(teacher, Estimate(mean, 0.1, 3), Estimate(mean, 0.1, 3), None)


def test_agreement_is_the_rank_correlation_of_shared_teachers() -> None:
    """Ranks 1 2 3 against 1 3 2: rho = 1 - 6 * 2 / (3 * 8) = 0.5."""
    a = [_row("x", 0.1), _row("y", 0.2), _row("z", 0.3), _row("only here", 9)]
    b = [_row("x", 0.5), _row("y", 0.9), _row("z", 0.7)]
    assert agreement(a, b) == pytest.approx(0.5)


def test_finished_episodes_are_not_run_again(tmp_path: Path) -> None:
    assert read_outcomes(tmp_path / "none.jsonl") == []
    cells = [
        Cell("tiny", "uniform", 2),
        Cell("tiny", "uniform", 3),
        Cell("simulated", "uniform", 2),
    ]
    assert missing(cells, OUTCOMES) == cells[1:]
