"""The trackers that a configuration can name, and the settings of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from teachgym.errors import ConfigError, require_known, unknown

WandbMode = Literal["online", "offline", "disabled"]
WANDB_MODES: tuple[WandbMode, ...] = ("online", "offline", "disabled")


@dataclass(frozen=True)
class WandbSettings:
    """What goes to Weights & Biases, and how."""

    project: str = "teachgym"
    """The project's name there."""
    mode: WandbMode = "online"
    """``offline`` keeps everything in the run's folder until ``wandb sync``; ``disabled`` does
    nothing at all."""
    rows: int = 1000
    """The most rows of a table, >= 0; of more, as many are shown, evenly spread."""
    log_student: bool = True
    """Whether the trained student is stored there; weights can be large."""
    finish_seconds: float = 600.0
    """How long the end of a run may wait for what is not uploaded yet, in seconds, > 0, finite."""

    def __post_init__(self) -> None:
        if self.mode not in WANDB_MODES:
            raise ConfigError(unknown("wandb mode", self.mode, WANDB_MODES))
        if not isinstance(self.project, str) or not self.project:
            raise ConfigError(f"project of wandb is {self.project!r}; it must be a name")
        if not _is_number(self.rows, int) or self.rows < 0:
            raise ConfigError(f"rows of wandb is {self.rows!r}; it must be a whole number >= 0")
        if not isinstance(self.log_student, bool):
            raise ConfigError(f"log_student is {self.log_student!r}; it must be true or false")
        seconds = self.finish_seconds
        if not _is_number(seconds, int | float) or not 0 < seconds < math.inf:
            raise ConfigError(f"finish_seconds is {seconds!r}; it must be above 0 and finite")

    @property
    def package(self) -> str | None:
        """What must be installed for it; None = nothing."""
        return None if self.mode == "disabled" else "wandb"


@dataclass(frozen=True)
class TensorboardSettings:
    """TensorBoard has nothing to choose: numbers go to ``tensorboard`` in the run's folder."""

    package = "tensorboardX"
    """What must be installed for it."""


TRACKER_SETTINGS: Mapping[str, type[WandbSettings] | type[TensorboardSettings]] = {
    "wandb": WandbSettings,
    "tensorboard": TensorboardSettings,
}
"""Name of a tracker to its settings."""


def read_settings(name: str, settings: Mapping[str, Any]) -> WandbSettings | TensorboardSettings:
    """The settings of a tracker in a configuration.

    Raises:
        ConfigError: for a tracker or a setting that does not exist, or a value out of range.
    """
    require_known("tracker", [name], TRACKER_SETTINGS)
    kind = TRACKER_SETTINGS[name]
    require_known(f"setting of tracker {name!r}", settings, [f.name for f in fields(kind)])
    return kind(**settings)


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
