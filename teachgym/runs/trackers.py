"""Where metrics go: a file, Weights & Biases, several at once, or nowhere (``Trackers()``)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from teachgym.errors import ConfigError, missing_extra, unknown
from teachgym.protocols import Tracker
from teachgym.runs.files import append_lines, strict

WandbMode = Literal["online", "offline"]
WANDB_MODES: tuple[WandbMode, ...] = ("online", "offline")


TRACKER_SETTINGS = {"wandb": ("project", "mode")}
"""Trackers that a configuration can name, and their settings."""


def check_tracker(name: str, settings: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for a tracker or a setting that does not exist."""
    if name not in TRACKER_SETTINGS:
        raise ConfigError(unknown("tracker", name, TRACKER_SETTINGS))
    for key in settings:
        if key not in TRACKER_SETTINGS[name]:
            raise ConfigError(unknown(f"setting of tracker {name!r}", key, TRACKER_SETTINGS[name]))
    mode = settings.get("mode", WANDB_MODES[0])
    if mode not in WANDB_MODES:
        raise ConfigError(unknown("wandb mode", mode, WANDB_MODES))


class JsonlTracker:
    """Appends one line per step to a JSON Lines file; a number that is not finite is ``null``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append; on disk when this returns."""
        append_lines(self._path, [strict({"step": step, **metrics})])

    def close(self) -> None:
        """Nothing is open between two lines."""


class WandbTracker:
    """Logs to Weights & Biases. Losing it is a warning and never stops a run.

    Args:
        project: the project's name there.
        name: the run's name there.
        config: what to show as its configuration.
        folder: where wandb keeps its files.
        mode: ``offline`` keeps everything on disk until ``wandb sync``.
        id: the run's id there; the same one goes on with the same run.

    Raises:
        MissingExtraError: if wandb is not installed.
        ConfigError: for a mode that does not exist.
    """

    def __init__(
        self,
        project: str,
        name: str,
        *,
        config: Mapping[str, Any],
        folder: Path,
        mode: WandbMode = "online",
        id: str | None = None,
    ) -> None:
        check_tracker("wandb", {"project": project, "mode": mode})
        try:
            import wandb
        except ImportError as error:
            raise missing_extra("wandb", "wandb") from error
        self._failures = (wandb.errors.Error, OSError)
        self._run: Any = None
        try:
            self._run = wandb.init(
                project=project,
                name=name,
                config=dict(config),
                dir=str(folder),
                mode=mode,
                id=id,
                resume="allow" if mode == "online" else None,
                settings=wandb.Settings(silent=True),
            )
        except self._failures as error:
            self._give_up(error)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send, or do nothing once wandb is lost."""
        if self._run is not None:
            try:
                self._run.log(dict(metrics), step=step)
            except self._failures as error:
                self._give_up(error)

    def close(self) -> None:
        """Wait until wandb has written everything."""
        if self._run is not None:
            try:
                self._run.finish()
            except self._failures as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._run = None
        warnings.warn(f"wandb is lost, the run goes on without it: {error}", stacklevel=3)


class Trackers:
    """Several trackers as one."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log to each."""
        for tracker in self._trackers:
            tracker.log(metrics, step)

    def close(self) -> None:
        """Close each."""
        for tracker in self._trackers:
            tracker.close()
