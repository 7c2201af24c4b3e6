"""Two benches are compared by how they rank arms; runs are written down as lines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from teachgym.benchmarks.leaderboard import Standing, agreement, result_lines
from teachgym.benchmarks.runner import do_here, read_results, run_suite
from teachgym.benchmarks.suites import Arm, Suite
from teachgym.metrics import Estimate


def line(arm: str, mean: float | None) -> Standing:
    return Standing(
        arm=arm,
        control=False,
        finished=3,
        wanted=3,
        test=None if mean is None else Estimate(mean, 0.1, 3),
        middle=None,
        area=None,
        reference="x",
        against=None,
        p=math.nan,
        better=math.nan,
        beyond={},
        examples=1.0,
    )


def test_agreement_is_the_rank_correlation_of_the_arms_that_both_have_run() -> None:
    """Ranks 1 2 3 against 1 3 2: rho = 1 - 6 * 2 / (3 * 8) = 0.5."""
    ours = [line("x", 0.1), line("y", 0.2), line("z", 0.3), line("only here", 9.0)]
    theirs = [line("x", 0.5), line("y", 0.9), line("z", 0.7), line("only here", None)]
    assert agreement(ours, theirs) == (pytest.approx(0.5), 3)


def test_one_arm_has_no_rank() -> None:
    rho, shared = agreement([line("x", 0.1)], [line("x", 0.5)])
    assert math.isnan(rho)
    assert shared == 1


def test_lines_of_runs_are_json_and_hold_what_tables_are_made_of(tmp_path: Path) -> None:
    settings = {"student": "simulated", "budget": {"steps": 2, "examples": 600}}
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"),), env_settings=settings, seeds=2)
    assert len(list(run_suite(suite, tmp_path, do_here))) == 2
    results = read_results(suite, tmp_path)
    lines = result_lines(results)
    assert json.loads(json.dumps(lines)) == lines
    assert [each["seed"] for each in lines] == [0, 1]
    assert lines[1]["test_after"] == results["uniform", 1].test.after.mean
    assert len(lines[0]["val_curve"]) == 3
    assert lines[0]["examples"] <= 600
