"""The trackers that a run's configuration names: whether they can be had, and having them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from itertools import starmap
from pathlib import Path
from typing import Any

from teachgym.errors import missing_extra
from teachgym.protocols import Tracker
from teachgym.runs.folder import RunFolder
from teachgym.runs.trackers.settings import TRACKERS, named
from teachgym.settings import classes_of


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


def check_installed(trackers: Mapping[str, Any]) -> None:
    """Check that the packages of the trackers of a configuration are there.

    Raises:
        ConfigError: for a setting that does not exist, or a value out of range.
        MissingExtraError: if one is not installed.
    """
    for name in trackers.keys() & TRACKERS.keys():
        for kind in classes_of(TRACKERS.load(name)):
            package = kind(**trackers[name]).package
            if package and find_spec(package) is None:
                raise missing_extra(package, extra=name)


@contextmanager
def open_trackers(run: RunFolder, trackers: Mapping[str, Any]) -> Iterator[Trackers]:
    """The trackers of a configuration besides ``run.metrics``, ready to go on.

    All that were opened are closed at the end of the block, and if another cannot be opened.

    Raises:
        MissingExtraError: if the package of one is not installed.
        RunError: if the run's configuration or journal is damaged.
    """
    with ExitStack() as opened:
        found = starmap(named, trackers.items())
        made = (TRACKERS.make(part, run, settings=settings) for part, settings in found)
        # Each is looked after before the next is opened.
        yield Trackers(*(opened.enter_context(closing(tracker)) for tracker in made))
