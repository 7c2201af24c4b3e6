"""``smoke``, ``noise`` and ``hard``: seconds to minutes on the simulated student."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, controls
from teachgym.benchmarks.bench.suites.suite import Arm, Suite


def smoke() -> Suite:
    """Three teachers and the controls on the simulated student: seconds."""
    teachers = (Arm(name, name) for name in ("weakest", "alp", "ucb1"))
    return Suite(
        "smoke",
        3,
        "three teachers and the controls on the simulated student",
        (*controls(), *teachers),
        env_settings={
            **EMBEDDED,
            "student": "simulated",
            "budget": {"steps": 4, "examples": 1000},
        },
        seeds=5,
        seeded=DRAWN,
    )


def hard() -> Suite:
    """The suite in which planning pays: deep prerequisites not known yet, forgetting, and traps."""
    names = ("weakest", "alp", "exp3s", "ucb1", "thompson", "alp-gmm", "riac")
    return Suite(
        "hard",
        1,
        "teachers and controls on the hard profile of the simulated student",
        (*controls(), *(Arm(name, name) for name in names)),
        env_settings={
            **EMBEDDED,
            "student": "simulated",
            "student_settings": {"profile": "hard"},
        },
        seeds=20,
        seeded=DRAWN,
    )


def noise() -> Suite:
    """The noise floor: the same teacher twice with other seeds, and one that is better for sure.

    A comparison that finds the copy better or worse, or the planted one not better, is not to be
    trusted.
    """
    settings = {"student": "simulated", "budget": {"steps": 5, "examples": 1250}}
    return Suite(
        "noise",
        2,
        "a teacher, its copy with other seeds, and a planted better one; simulated student",
        (
            Arm("uniform", "uniform", control=True),
            Arm("copy", "uniform", seed_offset=1000),
            Arm("planted", "oracle"),
        ),
        env_settings=settings,
        seeds=20,
        seeded=DRAWN,
    )
