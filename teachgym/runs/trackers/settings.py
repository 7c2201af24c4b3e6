"""The trackers that a configuration can name, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

from teachgym.errors import ConfigError
from teachgym.registry import OBJECT, Registry, is_reference
from teachgym.settings import checked
from teachgym.shown import shown

WandbMode = Literal["online", "offline", "disabled"]


@checked
@dataclass(frozen=True)
class WandbSettings:
    """Settings of logging to Weights & Biases."""

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
    """Longest wait for uploads at the end of a run, in seconds, > 0, finite."""

    def __post_init__(self) -> None:
        if not self.project:
            raise ConfigError("project of wandb is empty; it must be a name")

    @property
    def package(self) -> str | None:
        """The package that must be installed for it; None = none."""
        return None if self.mode == "disabled" else "wandb"


@checked
@dataclass(frozen=True)
class TensorboardSettings:
    """TensorBoard has nothing to choose: numbers go to ``tensorboard`` in the run's folder."""

    package = "tensorboardX"
    """The package that must be installed for it."""


TRACKERS = Registry(
    "tracker",
    {
        "wandb": "teachgym.runs.trackers.to_wandb:open_wandb",
        "tensorboard": "teachgym.runs.trackers.to_tensorboard:open_tensorboard",
    },
    given=("run",),
)
"""Every tracker, called as ``(run, **settings)`` with the ``RunFolder``."""


def named(name: str, given: Any) -> tuple[Any, Mapping[str, Any]]:
    """Read an entry of ``trackers``: a name with its settings, or the settings under a name.

    Raises:
        ConfigError: for what is neither a table nor a tracker.
    """
    if isinstance(given, Mapping):
        return name, given
    plain = given is None or isinstance(given, int | float | list | tuple)
    if plain or (isinstance(given, str) and not (is_reference(given) or given.startswith(OBJECT))):
        raise ConfigError(
            f"trackers.{name} is {shown(given)}; it must be a table of settings, or a tracker: "
            "module:attribute, file.py:attribute, what makes one, or an object"
        )
    return given, {}
