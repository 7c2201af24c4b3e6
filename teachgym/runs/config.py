"""``RunConfig``: everything that decides a run, as plain data that TOML and JSON can hold."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import starmap
from pathlib import Path
from typing import Annotated, Any

from teachgym.chat.settings import ChatSettings
from teachgym.errors import ConfigError
from teachgym.records import Record, read_text
from teachgym.registry import recorded
from teachgym.runs.retention import Keep
from teachgym.runs.trackers.settings import TRACKERS, named
from teachgym.settings import MAX_DEPTH, Like, Seed, build, check_value, checked
from teachgym.shown import in_short, shown

MAX_BYTES = 10**7
"""The most bytes of a configuration file."""


@checked
@dataclass(frozen=True)
class RunConfig:
    """The settings of a run: teacher, environment and student, seed, trackers.

    Example:
        >>> RunConfig(env_settings={"student": "simulated"}, seed=3).env
        'teachgym/SkillList-v0'
    """

    env: str = "teachgym/SkillList-v0"
    """Id of a registered environment."""
    env_settings: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment: student, task, budget, ..."""
    teacher: Any = "weakest"
    """A name of ``teachgym list teachers``, ``module:attribute`` or ``file.py:attribute``; in
    Python also a teacher, or a class or function that makes one."""
    teacher_settings: Mapping[str, Any] = field(default_factory=dict)
    """The teacher's settings."""
    chat: Annotated[Mapping[str, Any], Like(ChatSettings)] = field(default_factory=dict)
    """The chat model of teacher, engine and proposer, where they use one: see
    ``teachgym.chat.settings.ChatSettings``; empty = none. Its record is kept in the run's folder
    unless ``store`` says otherwise."""
    seed: Seed = 0
    """Seed of the environment and the teacher, >= 0."""
    trackers: Mapping[str, Any] = field(default_factory=dict)
    """Trackers besides ``metrics.jsonl``: ``{"wandb": {"mode": "offline"}, "tensorboard": {}}``,
    with the settings of ``teachgym.runs.trackers.settings``; or, under any name, one of your own:
    by reference, what makes it, or an object."""
    keep: Annotated[Mapping[str, Any], Like(Keep)] = field(default_factory=dict)
    """The predictions, students and snapshots of steps to keep: the settings of
    ``teachgym.runs.Keep``."""
    name: str = ""
    """Name of the run in trackers; empty = the name of its folder."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        if isinstance(self.teacher, Mapping):
            raise ConfigError(
                f"teacher is the table {shown(self.teacher)}; name a teacher, and put its settings "
                "into the table teacher_settings"
            )
        for part, settings in starmap(named, self.trackers.items()):
            TRACKERS.check(part, settings)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RunConfig:
        """The configuration in a JSON object; keys left out have their defaults.

        Raises:
            ConfigError: for a key that does not exist or a value of the wrong type.
        """
        try:
            return build("a run", cls, settings=record)
        except ConfigError as error:
            if not isinstance(record, Mapping) or record.keys() <= {f.name for f in fields(cls)}:
                raise
            raise ConfigError(
                f"{error}; the environment's settings stand in the table env_settings, the "
                "teacher's in teacher_settings"
            ) from None

    def to_json(self) -> Record:
        """The configuration as a JSON object.

        Objects are named in it; those that no name leads to cannot be had from it again.
        """
        record: Record = recorded({f.name: getattr(self, f.name) for f in fields(self)})
        return record


def read_config(path: Path) -> Record:
    """The JSON object in a ``.toml`` or ``.json`` file, to be given to ``RunConfig.of``.

    Raises:
        ConfigError: if the file is missing, of another kind, or damaged.
    """
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in readers:
        raise ConfigError(f"{path} is a {path.suffix or 'nameless'} file; give .toml or .json")
    text = read_text(path, MAX_BYTES)
    try:
        record = readers[path.suffix](text)
    except RecursionError:
        raise ConfigError(f"{path} is nested too deep; at most {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid: {error}") from error
    check_value(str(path), record, Mapping[str, Any])
    return dict(record)
