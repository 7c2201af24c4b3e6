"""``smoke`` and ``noise``: seconds on the simulated student."""

from __future__ import annotations

from teachgym.benchmarks.suites.suite import Arm, Suite


def smoke() -> Suite:
    """A few teachers on the simulated student: seconds."""
    settings = {"student": "simulated", "budget": {"steps": 4, "examples": 1000}}
    arms = ("uniform", "weakest", "alp", "ucb1")
    return Suite(
        "smoke",
        1,
        "four teachers on the simulated student",
        tuple(Arm(name, name, control=name == "uniform") for name in arms),
        env_settings=settings,
        seeds=5,
    )


def noise() -> Suite:
    """The noise floor: the same teacher twice with other seeds, and one that is better for sure.

    A comparison that finds the copy better or worse, or the planted one not better, is not to be
    trusted.
    """
    settings = {"student": "simulated", "budget": {"steps": 5, "examples": 1250}}
    return Suite(
        "noise",
        1,
        "a teacher, its copy with other seeds, and a planted better one; simulated student",
        (
            Arm("uniform", "uniform", control=True),
            Arm("copy", "uniform", seed_offset=1000),
            Arm("planted", "oracle"),
        ),
        env_settings=settings,
        seeds=20,
    )
