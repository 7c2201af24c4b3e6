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
from teachgym.runs.journal import Journal
from teachgym.runs.trackers.settings import WandbSettings, read_settings
from teachgym.runs.trackers.several import Trackers
from teachgym.runs.trackers.to_tensorboard import TensorboardTracker
from teachgym.runs.trackers.to_wandb import WandbTracker


def check_installed(trackers: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the packages of trackers, given by name with their settings, are there.

    Raises:
        ConfigError: as ``read_settings``.
        MissingExtraError: if one is not installed.
    """
    for name, given in trackers.items():
        package = read_settings(name, given).package
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
    record = read_json(run.config)
    for name, given in record["config"]["trackers"].items():
        settings = read_settings(name, given)
        if isinstance(settings, WandbSettings):
            yield WandbTracker(
                settings,
                name=record["config"]["name"] or run.path.name,
                config={
                    **record["config"],
                    "versions": record["versions"],
                    "commit": record["commit"],
                },
                folder=run.path,
                id=record["id"],
            )
        else:
            journal = Journal(run.journal)
            first = journal.n_steps + journal.has("started")
            yield TensorboardTracker(run.path / "tensorboard", first_step=first)
