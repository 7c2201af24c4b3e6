"""The content of a run file, from the declarations of its settings: JSON schema and TOML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import cache
from textwrap import wrap
from typing import Any

from pydantic import TypeAdapter

from teachgym.chat.settings import ChatSettings
from teachgym.cli.configuring import DEFAULT_TEACHERS
from teachgym.envs.config import CONFIGS
from teachgym.runs.config import RunConfig
from teachgym.runs.retention import Keep
from teachgym.runs.trackers.settings import TRACKERS
from teachgym.settings import classes_of

ABSENT = {"chat": ChatSettings(model="NAME")}
"""Tables that are none unless they are given, with what they would hold."""


def run_schema(env: str) -> dict[str, Any]:
    """The JSON schema of the file of a run in an environment, by its full id."""
    schema, own = deepcopy((json_schema(RunConfig), json_schema(CONFIGS[env])))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["env"]["const"] = env
    schema["$defs"] = {**schema.get("$defs", {}), **own.pop("$defs", {})}
    schema["properties"]["env_settings"] = {
        "description": schema["properties"]["env_settings"]["description"],
        **own,
    }
    return schema


def run_toml(env: str) -> str:
    """The complete file of such a run, every setting with its default and what it means.

    The teacher is the one that such a run has when nobody is named.

    What has no default, or would ask for something that may not be there, is a comment.
    """
    config = RunConfig(env=env, teacher=DEFAULT_TEACHERS[env])
    known = {"env_settings": CONFIGS[env](), "keep": Keep(), **ABSENT}
    lines = ["# TOML has no word for None: a setting that is None is left out, here as a comment."]
    lines += _table("", config, known)
    for name in TRACKERS:
        kinds = classes_of(TRACKERS.load(name))
        lines += ["", f"# [trackers.{name}]"]
        lines += [f"# {line}" for kind in kinds for line in _values(kind())]
    return "\n".join(lines) + "\n"


def texts(kind: Any) -> dict[str, str]:
    """The text under each field of a class of settings."""
    properties = json_schema(kind).get("properties", {})
    return {n: " ".join(field.get("description", "").split()) for n, field in properties.items()}


def _json_schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a class of settings, with ranges, defaults and texts."""
    schema = TypeAdapter(kind).json_schema()
    for name, declared in schema.get("properties", {}).items():
        owner = next(base for base in kind.__mro__ if name in base.__annotations__)
        if owner is not kind:  # pydantic reads the texts of the class itself alone.
            declared |= json_schema(owner)["properties"][name]
    return schema


json_schema: Callable[[Any], dict[str, Any]] = cache(_json_schema)


def _table(path: str, settings: Any, known: Mapping[str, Any], mark: str = "") -> Iterator[str]:
    """A table and, after it, those within it; ``known`` are objects for what is a plain table."""
    inner = {}
    for line in _values(settings):
        yield mark + line
    for field in fields(settings):
        value = known.get(field.name, getattr(settings, field.name))
        if is_dataclass(value) or isinstance(value, Mapping):
            inner[field.name] = value
    told = texts(type(settings))
    for name, value in inner.items():
        whole = f"{path}{name}"
        below = "# " if name in ABSENT else mark
        yield ""
        yield from _comment(told[name])
        yield f"{below}[{whole}]"
        if is_dataclass(value):
            yield from _table(f"{whole}.", value, ABSENT, below)


def _values(settings: Any) -> Iterator[str]:
    """The settings of a class that are no tables."""
    told = texts(type(settings))
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value) or isinstance(value, Mapping) or field.name in ABSENT:
            continue
        yield from _comment(told[field.name])
        if value is None:
            yield f"# {field.name} ="
        else:
            yield f"{field.name} = {json.dumps(value)}"


def _comment(text: str) -> list[str]:
    return wrap(text, 96, initial_indent="# ", subsequent_indent="# ")
