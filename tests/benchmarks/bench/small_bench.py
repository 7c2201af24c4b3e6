"""A bench of seconds, how it is run in this process, and what of its results must stay."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import read_results, run_suite
from teachgym.benchmarks.bench.suites import Arm, Suite

IN_TURN = partial(map, attempt)
"""In this process, one after another."""
SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 2, "examples": 80},
}
SUITE = Suite(
    "small",
    1,
    "for tests",
    (Arm("uniform", "uniform", control=True), Arm("weak", "weakest", {"power": 2.0})),
    env_settings=SMALL,
    seeds=2,
)


def in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Have ``teachgym bench`` do its runs here, without a process that loads everything again."""
    patch.setattr("teachgym.cli.bench.choose_execution", lambda *_, **__: IN_TURN)


def scores(suite: Suite, folder: Path) -> dict[str, Any]:
    """Everything in the results that must not depend on how they were run."""
    results = read_results(suite, folder)
    return {
        f"{arm}/{seed}": (r.test, r.val, r.curve, r.return_, r.best_step, r.spent.examples)
        for (arm, seed), r in results.items()
    }


def run_all(suite: Suite, folder: Path, execute: Any = IN_TURN) -> list[str]:
    return [cell.path for cell in run_suite(suite, folder, execute)]
