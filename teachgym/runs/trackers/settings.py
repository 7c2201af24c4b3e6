"""The trackers that a configuration can name, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

from teachgym.errors import ConfigError
from teachgym.registry import Registry
from teachgym.settings import build, checked

WandbMode = Literal["online", "offline", "disabled"]


@checked
@dataclass(frozen=True)
class WandbSettings:
    """What goes to Weights & Biases, and how."""

    project: str = "teachgym"
    """The project's name there."""
    mode: WandbMode = "online"
    """``offline`` keeps everything in the run's folder until ``wandb sync``; ``disabled`` does
    nothing at all."""
    rows: Annotated[int, Interval(ge=0, le=10**7)] = 1000
    """The most rows of a table, >= 0; of more, as many are shown, evenly spread."""
    log_student: bool = True
    """Whether the trained student is stored there; weights can be large."""
    finish_seconds: Annotated[float, Interval(gt=0, le=10**9)] = 600.0
    """How long the end of a run may wait for what is not uploaded yet, in seconds, > 0, finite."""

    def __post_init__(self) -> None:
        if not self.project:
            raise ConfigError("project of wandb is empty; it must be a name")

    @property
    def package(self) -> str | None:
        """What must be installed for it; None = nothing."""
        return None if self.mode == "disabled" else "wandb"


@checked
@dataclass(frozen=True)
class TensorboardSettings:
    """TensorBoard has nothing to choose: numbers go to ``tensorboard`` in the run's folder."""

    package = "tensorboardX"
    """What must be installed for it."""


TRACKER_SETTINGS: Mapping[str, type[WandbSettings] | type[TensorboardSettings]] = {
    "wandb": WandbSettings,
    "tensorboard": TensorboardSettings,
}
"""Name of a built-in tracker to its settings."""

TRACKERS = Registry(
    "tracker",
    {
        "wandb": "teachgym.runs.trackers.to_wandb:open_wandb",
        "tensorboard": "teachgym.runs.trackers.to_tensorboard:open_tensorboard",
    },
    given=("run",),
)
"""Every tracker, called as ``(run, **settings)`` with the ``RunFolder``."""


def read_settings(name: str, settings: Mapping[str, Any]) -> Any:
    """The settings of a tracker in a configuration: an object of its own, or as they are.

    Raises:
        UnknownNameError: for what names no tracker.
        ConfigError: for a setting that does not exist, or a value out of range.
    """
    if name in TRACKER_SETTINGS:
        return build(f"tracker {name!r}", TRACKER_SETTINGS[name], settings=settings)
    TRACKERS.check(name, settings)
    return settings
