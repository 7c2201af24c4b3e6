"""The bases of students that ship: equal models, pretrained on different mixtures of skills.

``python -m teachgym.benchmarks.models.pretrain`` makes them, a folder each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError

FOLDER = Path(__file__).parent / "data"
"""The folder of the students, each with a folder for each of its bases, whose name is its
number."""

TINY, SMALL, SMALL_CODE, SMALL_TOOLS = "tiny", "small", "small-code", "small-tools"
TINY_VISION = "tiny-vision"

BASES: Mapping[str, int] = {TINY: 7, SMALL: 1, SMALL_CODE: 1, SMALL_TOOLS: 1, TINY_VISION: 1}
"""The number of bases that ship of each student, by its name."""

COMPARED: Mapping[str, int] = {**BASES, TINY: 5}
"""Suites compare teachers on the first so many; the others, if there are any, are for tuning
teachers and for trials of what was learned on these."""


def bases_of(env_settings: Mapping[str, Any]) -> str | None:
    """The student that ships whose bases are those of an environment's; None where it has none.

    A simulated student has those of ``tiny``, unless its profile is another.
    """
    student = str(env_settings.get("student"))
    if student == "simulated" and "profile" not in env_settings.get("student_settings", {}):
        return TINY
    return student if student in BASES else None


def draw_base(student: str, seed: int, *, compared: bool) -> int:
    """The base of a seed, of those to compare on or of the others, if there are any."""
    first = COMPARED[student]
    others = BASES[student] - first
    return seed % first if compared or not others else first + seed % others


def base_folder(student: str, number: int) -> Path:
    """The folder of a base.

    Raises:
        ConfigError: for a number that none has.
    """
    if not 0 <= number < BASES[student]:
        raise ConfigError(
            f"base is {number}, and the student {student!r} has the bases 0 to "
            f"{BASES[student] - 1}; give one of these, or make another with "
            f"{_MAKES} {student} and give the path of its folder as the student"
        )
    return FOLDER / student / str(number)


def base_of(name: str, number: int) -> str:
    """The model that a student starts from: its name or path, or the folder of its base.

    Raises:
        ConfigError: for a base other than 0 of a student that has but one, or a number that no
            base has.
    """
    if name in BASES:
        return str(base_folder(name, number)) if number else name
    if number:
        raise ConfigError(
            f"base is {number}, and the student {name!r} has but one; leave it out, or set "
            f"student={TINY!r}"
        )
    return name


def base_card(student: str, number: int) -> dict[str, Any]:
    """The card of a base: how it was made, what it can do, what it can learn.

    Raises:
        ConfigError: for a number that none has.
    """
    card: dict[str, Any] = json.loads((base_folder(student, number) / "card.json").read_text())
    return card


_MAKES = "python -m teachgym.benchmarks.models.pretrain"
