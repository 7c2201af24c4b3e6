"""``surface``: what a budget and its steps are worth to teachers."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import EMBEDDED, crossed, under
from teachgym.benchmarks.bench.suites.suite import Suite
from teachgym.records import Record

TEACHERS = ("uniform", "weakest", "alp", "thompson")
"""The first is what the others are compared with."""
BUDGETS = (500, 1000, 2500, 5000, 10_000)
STEPS = (50, 100, 250, 500, 1000)
"""Examples a step."""


def surface() -> Suite:
    """Four teachers at budgets of 500 to 10,000 examples, spent in steps of 50 to 1,000.

    A ranking at one budget and one step size is a ranking at a point. A teacher that adapts needs
    steps to adapt in, and a teacher of any kind is worth little once everybody has learned what
    can be learned. Each is compared with ``uniform`` at the same point. Val is smaller than
    elsewhere, since the longest runs read it 200 times.
    """
    conditions: dict[str, Record] = {
        f"{budget}-by-{step}": {
            "budget": {"steps": -(-budget // step), "examples": budget},
            "examples_per_step": step,
        }
        for budget in BUDGETS
        for step in STEPS
        if step <= budget
    }
    arms = crossed(TEACHERS, conditions)
    return Suite(
        "surface",
        1,
        "four teachers at 24 budgets and step sizes; simulated student",
        arms,
        env_settings={
            **EMBEDDED,
            "student": "simulated",
            "task_settings": {"val_per_cell": 5, "test_per_cell": 10},
        },
        seeds=10,
        reference=arms[0].name,
        brief=tuple(under(t, f"{n}-by-250") for n in (500, 2500) for t in TEACHERS[1:]),
        axes=("budget.examples", "examples_per_step"),
    )
