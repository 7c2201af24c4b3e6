"""``RunConfig``: everything that decides a run, as plain data that TOML and JSON can hold."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError, unknown
from teachgym.records import Record
from teachgym.runs.keeping import Keep
from teachgym.runs.trackers.settings import read_settings


@dataclass(frozen=True)
class RunConfig:
    """Who teaches whom, where, with which seed.

    Example:
        >>> RunConfig(env_settings={"student": "simulated"}, seed=3).env
        'teachgym/SkillList-v0'
    """

    env: str = "teachgym/SkillList-v0"
    """Id of a registered environment."""
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """Its keyword arguments: student, task, budget, ..."""
    teacher: str = "weakest"
    """Name in ``teachgym.agents.TEACHERS``."""
    teacher_settings: Mapping[str, Any] = field(default_factory=dict)
    """The teacher's settings."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """The chat model of teacher, engine and proposer, where they use one: see
    ``teachgym.chat.settings.ChatSettings``; empty = none. Its record is kept in the run's folder
    unless ``store`` says otherwise."""
    seed: int = 0
    """Of environment and teacher, >= 0."""
    trackers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Trackers besides ``metrics.jsonl``: ``{"wandb": {"mode": "offline"}, "tensorboard": {}}``,
    with the settings of ``teachgym.runs.trackers.settings``."""
    keep: Mapping[str, Any] = field(default_factory=dict)
    """Which predictions, students and snapshots of the steps are kept: the settings of
    ``teachgym.runs.Keep``."""
    name: str = ""
    """What trackers call the run; empty = the name of its folder."""

    def __post_init__(self) -> None:
        for key in ("env_settings", "teacher_settings", "chat", "trackers", "keep"):
            _check(key, getattr(self, key), Mapping, "a table of settings")
        for name, settings in self.trackers.items():
            _check(f"trackers.{name}", settings, Mapping, "a table of settings")
            read_settings(name, settings)
        Keep.of(self.keep)
        for key in ("env", "teacher", "name"):
            _check(key, getattr(self, key), str, "a text")
        _check("seed", self.seed, int, "a whole number")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; it must be 0 or more")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RunConfig:
        """The configuration in a JSON object; keys left out have their defaults.

        Raises:
            ConfigError: for a key that does not exist or a value of the wrong type.
        """
        names = [f.name for f in fields(cls)]
        for key in record:
            if key not in names:
                raise ConfigError(unknown("key of a run's configuration", key, names))
        return cls(**record)

    def to_json(self) -> Record:
        """The configuration as a JSON object."""
        return asdict(self)


def read_config(path: Path) -> Record:
    """The JSON object in a ``.toml`` or ``.json`` file, to be given to ``RunConfig.of``.

    Raises:
        ConfigError: if the file is missing, of another kind, or damaged.
    """
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in readers:
        raise ConfigError(f"{path} is a {path.suffix or 'nameless'} file; give .toml or .json")
    try:
        record = readers[path.suffix](path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid: {error}") from error
    _check(str(path), record, Mapping, "a table of settings")
    return dict(record)


def _check(name: str, value: Any, kind: type, meaning: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}; it must be {meaning}")
