"""``with-state``: what it is worth to see the student's errors."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, OPEN_ENDED, SCRIPTED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite


def with_state() -> Suite:
    """With State against No State (DataEnvGym, table 2) in the Open-Ended environment.

    By default a function plays a chat model that teaches well, so the difference is what the
    student's errors tell; ``--chat`` puts a real model in its place.
    """
    return Suite(
        "with-state",
        2,
        "a chat model that sees the student's errors against one that does not",
        (
            Arm("no-state", "llm", {"state": False}, control=True),
            Arm("with-state", "llm", {"state": True}),
        ),
        env=OPEN_ENDED,
        env_settings=EMBEDDED,
        seeds=10,
        seeded=DRAWN,
        reference="no-state",
        chat=SCRIPTED,
    )
