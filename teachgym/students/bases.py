"""The bases of ``tiny``: equal models that were pretrained on different mixtures of skills.

``python -m teachgym.benchmarks.models.pretrain_tiny`` makes them, a folder each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError

FOLDER = Path(__file__).parent / "data" / "tiny"
"""Of the bases that ship, each in a folder with its number as the name."""

TINY = "tiny"
"""The student that has them."""

BASES = 7
"""How many ship."""

COMPARED = 5
"""Suites compare teachers on the first so many; the others are for tuning teachers and for trials
of what was learned on these."""


def base_folder(number: int) -> Path:
    """Where a base is.

    Raises:
        ConfigError: for a number that none has.
    """
    if not 0 <= number < BASES:
        raise ConfigError(
            f"base is {number}, and the student 'tiny' has the bases 0 to {BASES - 1}; give one of "
            "these, or make another with python -m teachgym.benchmarks.models.pretrain_tiny and "
            "give the path of its folder as the student"
        )
    return FOLDER / str(number)


def base_of(name: str, number: int) -> str:
    """The model that a student starts from: its name or path, or the folder of a base of ``tiny``.

    Raises:
        ConfigError: for a base other than 0 of a student that has but one, or a number that no
            base has.
    """
    if name == TINY:
        return str(base_folder(number)) if number else name
    if number:
        raise ConfigError(
            f"base is {number}, and the student {name!r} has but one; leave it out, or set "
            f"student={TINY!r}"
        )
    return name


def base_card(number: int) -> dict[str, Any]:
    """What is known about a base: how it was made, what it can do, what it can learn.

    Raises:
        ConfigError: for a number that none has.
    """
    card: dict[str, Any] = json.loads((base_folder(number) / "card.json").read_text())
    return card
