"""``check_tracker``: does a tracker keep its contract?"""

from __future__ import annotations

import math
from pathlib import Path

from teachgym.protocols import Tracker
from teachgym.testing import contract as c
from teachgym.testing.contract import checking, require

METRICS: tuple[dict[str, float], ...] = (
    {"accuracy": 0.5, "n": 8},
    {"accuracy": 1.0, "reward": math.inf},
    {"loss": math.nan},
)
"""The logged metrics, by step."""


@checking("tracker")
def check_tracker(tracker: Tracker, folder: Path) -> None:
    """Check a tracker through a short life: it logs, records and is closed.

    Args:
        tracker: the tracker; it is closed afterwards.
        folder: of a finished run.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    for step, metrics in enumerate(METRICS):
        given = dict(metrics)
        try:
            tracker.log(given, step)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            require(False, c.ANY_NUMBER_CAN_BE_LOGGED, f"{error!r} for {metrics}")
        require(given == metrics, c.LOGGING_LEAVES_METRICS, given)
    before = _contents(folder)
    tracker.record(folder)
    after = _contents(folder)
    changed = [path.name for path, content in before.items() if after.get(path) != content]
    require(not changed, c.RECORDING_LEAVES_THE_RUN, ", ".join(changed))
    tracker.close()


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
