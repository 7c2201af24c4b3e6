"""``JsonlTracker``: metrics as JSON Lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from teachgym.runs.files import append_lines, strict


class JsonlTracker:
    """Appends one line per step to a JSON Lines file; a number that is not finite is ``null``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append; on disk when this returns."""
        append_lines(self._path, [strict({"step": step, **metrics})])

    def record(self, folder: Path) -> None:
        """Nothing: the run's folder has it all."""

    def close(self) -> None:
        """Nothing is open between two lines."""
