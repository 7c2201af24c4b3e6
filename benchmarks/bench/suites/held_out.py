"""``held_out``: trained teachers beside their beginnings, rules and plans, on new students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import BUDGET, DRAWN
from teachgym.benchmarks.bench.suites.suite import Arm, Suite, overlay
from teachgym.records import Record

RULES = ("alp", "planned")


def held_out(
    teachers: Mapping[str, str],
    env_settings: Mapping[str, Any] | None = None,
    seeds: int = 10,
    rules: tuple[str, ...] = RULES,
) -> Suite:
    """A suite of teachers ``trained`` by the paths of their folders, against ``uniform``.

    Seeds and bases are those of boards, and those of training are others (``teachgym tune`` keeps
    to the same rule).

    Args:
        teachers: name -> path, untrained models among them.
        env_settings: on top of the simulated student at the project's usual budget.
        seeds: runs of each arm, >= 1.
        rules: registered teachers to compare with.
    """
    learned = (Arm(name, "trained", {"path": path}) for name, path in teachers.items())
    controls = (Arm(name, name, control=name == "planned") for name in rules)
    usual: Record = {"student": "simulated", "budget": BUDGET, "examples_per_step": 250}
    return Suite(
        "held-out",
        1,
        "trained teachers on bases and seeds that no training has met",
        (Arm("uniform", "uniform", control=True), *controls, *learned),
        env_settings=overlay(usual, env_settings or {}),
        seeds=seeds,
        seeded=DRAWN,
    )
