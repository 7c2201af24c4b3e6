"""``Trackers``: several trackers as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from teachgym.protocols import Tracker


class Trackers:
    """Passes everything on to each; with none it is the tracker that does nothing."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log to each."""
        for tracker in self._trackers:
            tracker.log(metrics, step)

    def record(self, folder: Path) -> None:
        """Let each record."""
        for tracker in self._trackers:
            tracker.record(folder)

    def close(self) -> None:
        """Close each."""
        for tracker in self._trackers:
            tracker.close()
