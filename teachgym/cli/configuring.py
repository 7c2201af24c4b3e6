"""From the options of ``teachgym run`` to a configuration, and to a folder for it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.registry import label
from teachgym.settings import MAX_DEPTH, check_value
from teachgym.shown import shown

if TYPE_CHECKING:
    from teachgym.runs.config import RunConfig

DEFAULT_TEACHERS = {
    "teachgym/SkillList-v0": "weakest",
    "teachgym/SkillTree-v0": "fill-and-balance",
    "teachgym/OpenEnded-v0": "pool",
}
"""The teachers of runs that name none."""


def parse_pairs(texts: Iterable[str]) -> dict[str, Any]:
    """The values of ``KEY=VALUE`` options; a value that is not JSON is text.

    Example:
        >>> parse_pairs(["steps=4", "training=scratch"])
        {'steps': 4, 'training': 'scratch'}

    Raises:
        ConfigError: for anything without a key or without ``=``.
    """
    pairs = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not (key and sign):
            raise ConfigError(f"{shown(text)} is not KEY=VALUE; write e.g. examples=4000")
        try:
            pairs[key] = json.loads(value)
        except ValueError:
            pairs[key] = value
        except RecursionError:
            raise ConfigError(f"{key} is nested too deep; at most {MAX_DEPTH} levels") from None
    return pairs


def as_options(settings: Mapping[str, Any]) -> str:
    """The ``--set`` options that are read as these settings.

    Example:
        >>> as_options({"task_settings": {"seed": 1}, "skills": "my skills.json"})
        "--set task_settings.seed=1 --set 'skills=my skills.json'"
    """
    pairs = (f"{path}={text}" for path, text in _pairs(settings) if text != "{}")
    return " ".join(f"--set {shlex.quote(pair)}" for pair in pairs)


def _pairs(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The paths of settings, with texts that ``parse_pairs`` reads as their values."""
    for name, value in table.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping) and value and not any({".", "="} & {*key} for key in value):
            yield from _pairs(value, f"{path}.")
        elif isinstance(value, str) and parse_pairs([f"{path}={value}"])[path] == value:
            yield path, value
        else:
            yield path, json.dumps(value, ensure_ascii=False)


def parts(
    student: str | None,
    task: str | None,
    chat: str | None,
    chat_model: str | None,
    chat_base_url: str | None,
) -> Record:
    """The values that options give, by the paths of the settings."""
    return {
        "env_settings.student": student,
        "env_settings.task": task,
        "chat.provider": chat,
        "chat.model": chat_model,
        "chat.base_url": chat_base_url,
    }


def trackers(wandb: str | None, *, tensorboard: bool) -> Record:
    """The trackers that options name, by the paths of the settings."""
    return {
        "trackers.wandb.mode": wandb,
        "trackers.tensorboard": {} if tensorboard else None,
    }


def override(record: Record, values: Mapping[str, Any]) -> None:
    """Set ``record[a][b]`` for each path ``a.b``.

    Raises:
        ConfigError: for a path that leads through something other than a table.
    """
    for path, value in values.items():
        table, (*above, last) = record, path.split(".")
        for key in above:
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{path} cannot be set: {key} is {shown(inner)}, not a table")
            table = inner
        table[last] = value


def override_given(record: Record, flags: Mapping[str, Any]) -> None:
    """Call ``override`` for the options that were given; the others are None."""
    override(record, {path: value for path, value in flags.items() if value is not None})


def override_settings(record: Record, settings: Mapping[str, Any]) -> None:
    """Set ``teacher.``, ``chat.``, ``keep.``, trackers where they belong, others of the env."""
    tables = {
        "teacher": "teacher_settings",
        "teacher_settings": "teacher_settings",
        "chat": "chat",
        "keep": "keep",
        "trackers": "trackers",
        "wandb": "trackers.wandb",
    }
    for key, value in settings.items():
        kind, _, name = key.partition(".")
        path = f"{tables[kind]}.{name}" if kind in tables and name else f"env_settings.{key}"
        override(record, {path: value})


def override_budget(record: Record, limits: Mapping[str, Any]) -> None:
    """Set limits of the budget. Where the record has no budget, examples follow steps."""
    from teachgym.envs.config import EnvConfig

    settings = record.get("env_settings", {})
    if not isinstance(settings, dict):
        raise ConfigError(f"env_settings is {shown(settings)}; it must be a table of settings")
    per_step = settings.get("examples_per_step")
    if "budget" not in settings and (limits or per_step):
        per_step = per_step or EnvConfig.examples_per_step
        steps = limits.get("steps", EnvConfig.budget.steps)
        if isinstance(steps, int) and isinstance(per_step, int):  # else the check will say it
            limits = {"steps": steps, "examples": steps * per_step, **limits}
    override(record, {f"env_settings.budget.{currency}": n for currency, n in limits.items()})


def complete(record: Record) -> RunConfig:
    """The checked configuration, with the environment's full id and a teacher who fits it."""
    from teachgym.experiment import RunConfig, check_config, env_id

    check_value("env", env := record.get("env", "SkillList"), str)
    env = env_id(env)
    teacher = record.get("teacher") or DEFAULT_TEACHERS.get(env, "")
    config = RunConfig.of({**record, "env": env, "teacher": teacher})
    check_config(config)
    return config


def free_folder(config: RunConfig) -> Path:
    """The folder ``runs/ENV-STUDENT-TEACHER-SEED``, numbered if that is taken."""
    from teachgym.assembly import student_name

    env = config.env.rpartition("/")[2].partition("-")[0]
    student = Path(label(student_name(config))).name
    first = Path("runs") / f"{env}-{student}-{label(config.teacher)}-{config.seed}"
    folder, number = first, 1
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder
