"""``restart``: to go on training, or to start anew from the base."""

from __future__ import annotations

from teachgym.benchmarks.suites.shared import BUDGET
from teachgym.benchmarks.suites.suite import Arm, Suite


def restart() -> Suite:
    """Continue training, or start each step from the base with all data so far."""
    arms = [
        arm
        for teacher in ("uniform", "alp")
        for arm in (
            Arm(f"{teacher}-continue", teacher, env_settings={"training": "continue"}),
            Arm(
                f"{teacher}-scratch",
                teacher,
                env_settings={"training": "scratch"},
                against=f"{teacher}-continue",
            ),
        )
    ]
    return Suite(
        "restart",
        1,
        'training="continue" against "scratch", the notation of the paper and its code',
        tuple(arms),
        env_settings={"student": "tiny", "budget": BUDGET, "examples_per_step": 250},
        seeds=10,
        reference="uniform-continue",
    )
