"""The trackers that a run's configuration names: whether they can be had, and having them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from typing import Any

from teachgym.errors import missing_extra
from teachgym.protocols import Tracker
from teachgym.runs.files import read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.trackers.settings import TRACKER_SETTINGS, TRACKERS, read_settings
from teachgym.runs.trackers.several import Trackers


def check_installed(trackers: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the packages of trackers, given by name with their settings, are there.

    Raises:
        ConfigError: as ``read_settings``.
        MissingExtraError: if one is not installed.
    """
    for name, given in trackers.items():
        settings = read_settings(name, given)
        package = settings.package if name in TRACKER_SETTINGS else None
        if package and find_spec(package) is None:
            raise missing_extra(package, extra=name)


@contextmanager
def open_trackers(run: RunFolder) -> Iterator[Trackers]:
    """The trackers besides ``run.metrics`` that ``run.config`` names, ready to go on.

    All that were opened are closed at the end of the block, and if another cannot be opened.

    Raises:
        MissingExtraError: if the package of one is not installed.
        RunError: if the run's configuration or journal is damaged.
    """
    with ExitStack() as opened:
        yield Trackers(*(opened.enter_context(closing(tracker)) for tracker in _open(run)))


def _open(run: RunFolder) -> Iterator[Tracker]:
    """Opens each when it is asked for, so that the one before is already being looked after."""
    for name, given in read_json(run.config)["config"]["trackers"].items():
        yield TRACKERS.make(name, run, settings=given)
