"""``open_trackers``: the trackers that a run's configuration names."""

from __future__ import annotations

from collections.abc import Iterator

from teachgym.protocols import Tracker
from teachgym.runs.files import read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.trackers.settings import WandbSettings, read_settings
from teachgym.runs.trackers.to_tensorboard import TensorboardTracker
from teachgym.runs.trackers.to_wandb import WandbTracker

CIRCUMSTANCES = ("versions", "commit")
"""What a run's record says besides its configuration that Weights & Biases shows with it."""


def open_trackers(run: RunFolder) -> Iterator[Tracker]:
    """The trackers besides ``run.metrics`` that ``run.config`` names, ready to go on.

    Raises:
        MissingExtraError: if the package of one is not installed.
        RunError: if the run's configuration or journal is damaged.
    """
    record = read_json(run.config)
    for name, given in record["config"]["trackers"].items():
        settings = read_settings(name, given)
        if isinstance(settings, WandbSettings):
            yield WandbTracker(
                settings,
                name=record["config"]["name"] or run.path.name,
                config={**record["config"], **{key: record[key] for key in CIRCUMSTANCES}},
                folder=run.path,
                id=record["id"],
            )
        else:
            journal = Journal(run.journal)
            first = len(journal.steps) + journal.has("started")
            yield TensorboardTracker(run.path / "tensorboard", first_step=first)
