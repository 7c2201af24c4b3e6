"""Skill files: skills and the examples that need them, as JSON that people can edit.

::

    {
      "format": 1,
      "task": "arithmetic-and-strings-v0",
      "method": "llm",
      "skills": [{"name": "sums", "parent": null, "description": "Add two numbers."}],
      "assignments": {"val/add/0/0": "sums"},
      "labels": {"val/add/0/0": "adding single digits"}
    }

``parent`` and ``description`` may be left out, ``labels`` too: the finer names that a chat model
gave the examples before it grouped them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from teachgym.cache import write_whole
from teachgym.errors import ConfigError, unknown
from teachgym.records import read_text
from teachgym.shown import in_short
from teachgym.skills.names import OTHER
from teachgym.types import Example, Skill, leaf_skills

MAX_BYTES = 10**9
"""The most bytes of a skill file."""
FORMAT = 1
"""Version of the file's format."""


@dataclass(frozen=True)
class SkillFile:
    """Skills and the examples that need them.

    Raises:
        ConfigError: for a name twice, an empty name, a parent or an assigned skill that does not
            exist, a skill that is its own ancestor, an example assigned to a skill with subskills.
    """

    task: str
    """Name of the task that the examples are of."""
    method: str
    """The way in which the skills were found, e.g. ``llm``, ``clusters``, ``gold``; free text."""
    skills: tuple[Skill, ...]
    assignments: Mapping[str, str]
    """Id of an example, unique over the splits of the task, to the name of a leaf skill."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Id of an example to a finer name; may be empty."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        _check_skills(self.skills)
        leaves = leaf_skills(self.skills)
        for example, skill in self.assignments.items():
            if skill not in leaves:
                raise ConfigError(f"example {example!r}: {unknown('leaf skill', skill, leaves)}")

    @property
    def counts(self) -> dict[str, int]:
        """Examples per leaf skill, in the order of the skills; 0 included."""
        found = Counter(self.assignments.values())
        return {leaf: found[leaf] for leaf in leaf_skills(self.skills)}

    def skill_of(self, example: Example) -> str:
        """The skill the example is assigned to; ``other`` if it is not in the file."""
        return self.assignments.get(example.id, OTHER)


def read_skill_file(path: Path) -> SkillFile:
    """The skill file at ``path``.

    Raises:
        ConfigError: for a file that is missing, no JSON, of another form, or contradicts itself.
    """
    try:
        text = read_text(path, MAX_BYTES)
    except ConfigError as error:
        raise ConfigError(f"no skill file: {error}; write one with: teachgym discover") from error
    try:
        return _parse(json.loads(text, object_pairs_hook=_without_doubles))
    except RecursionError:
        raise ConfigError(f"skill file {path} is nested too deep") from None
    except (ConfigError, json.JSONDecodeError) as error:
        raise ConfigError(f"skill file {path}: {error}") from error


def write_skill_file(path: Path, file: SkillFile) -> None:
    """Write ``file`` as a whole or not at all; equal contents give equal bytes.

    Assignments and labels are sorted by id, one a line, so that versions can be compared.
    """
    record: dict[str, Any] = {
        "format": FORMAT,
        "task": file.task,
        "method": file.method,
        "skills": [asdict(skill) for skill in file.skills],
        "assignments": dict(sorted(file.assignments.items())),
    }
    if file.labels:
        record["labels"] = dict(sorted(file.labels.items()))
    write_whole(path, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())


def with_other(file: SkillFile) -> SkillFile:
    """The file with a skill for unassigned examples, added if necessary.

    Raises:
        ConfigError: if the skill of that name has subskills, to which examples belong.
    """
    if OTHER in leaf_skills(file.skills):
        return file
    if any(skill.name == OTHER for skill in file.skills):
        raise ConfigError(
            f"{OTHER!r} is the skill of examples that are not assigned, and {OTHER!r} has "
            "subskills; call it something else, or assign every example"
        )
    other = Skill(OTHER, None, "Everything that belongs to none of the other skills.")
    return replace(file, skills=(*file.skills, other))


def _parse(record: Any) -> SkillFile:
    keys = ("format", "task", "method", "skills", "assignments", "labels")
    _require_object("the file", record, keys, optional=("labels",))
    if record["format"] != FORMAT:
        raise ConfigError(f"format is {record['format']!r}; this version reads format {FORMAT}")
    if not isinstance(record["skills"], list):
        raise ConfigError('skills is not a list; write [{"name": ...}, ...]')
    return SkillFile(
        task=_text("task", record["task"]),
        method=_text("method", record["method"]),
        skills=tuple(_skill(n, entry) for n, entry in enumerate(record["skills"], 1)),
        assignments=_texts("assignments", record["assignments"]),
        labels=_texts("labels", record.get("labels", {})),
    )


def _skill(number: int, entry: Any) -> Skill:
    keys = ("name", "parent", "description")
    _require_object(f"skill {number}", entry, keys, optional=keys[1:])
    parent = entry.get("parent")
    return Skill(
        _text(f"the name of skill {number}", entry["name"]),
        None if parent is None else _text(f"the parent of skill {number}", parent),
        _text(f"the description of skill {number}", entry.get("description", "")),
    )


def _require_object(
    what: str, value: Any, keys: Iterable[str], *, optional: Iterable[str] = ()
) -> None:
    """The object, if it has these keys and no others."""
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is not a JSON object")
    if missing := [key for key in keys if key not in value and key not in optional]:
        raise ConfigError(f"{what} has no {missing[0]!r}")
    for key in value:
        if key not in keys:
            raise ConfigError(f"{what}: {unknown('key', key, keys)}")


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{what} is {value!r}; it must be a text")
    return value


def _texts(what: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is not a JSON object; write {{example id: name, ...}}")
    return {key: _text(f"{key!r} in {what}", text) for key, text in value.items()}


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, unless a key is in it twice: JSON would silently keep the last."""
    counts = Counter(key for key, _ in pairs)
    for key, count in counts.items():
        if count > 1:
            raise ConfigError(f"{key!r} is there {count} times; keep one")
    return dict(pairs)


def _check_skills(skills: tuple[Skill, ...]) -> None:
    names = [skill.name for skill in skills]
    parents = {skill.name: skill.parent for skill in skills}
    for name, count in Counter(names).items():
        if not name.strip():
            raise ConfigError("a skill has no name; every skill needs one")
        if count > 1:
            raise ConfigError(f"skill {name!r} is there {count} times; names are unique")
    for name in names:
        ancestors = [name]
        while (above := parents[ancestors[-1]]) is not None:
            if above not in parents:
                raise ConfigError(f"parent of {ancestors[-1]!r}: {unknown('skill', above, names)}")
            if above in ancestors:
                raise ConfigError(f"skill {above!r} is its own ancestor: {[*ancestors, above]}")
            ancestors.append(above)
