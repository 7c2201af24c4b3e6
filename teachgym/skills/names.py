"""Equality of names: case, punctuation and underscores do not count."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME = 60
"""The most characters the name of a skill may have that a chat model made up."""

OTHER = "other"
"""The skill of examples that were assigned to none."""


def tidy(name: str) -> str:
    """The name as people write it: words with single spaces between them.

    Example:
        >>> tidy("  modular_arithmetic ")
        'modular arithmetic'
    """
    return " ".join(name.replace("_", " ").split())


def identity(name: str) -> str:
    """The text that equal names have in common; empty for a name without letters and digits.

    Example:
        >>> identity("Word-Problems!") == identity("word_problems")
        True
    """
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def unlike(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names that are neither one of ``known`` nor repeated, by their ``identity``."""
    taken = {identity(name) for name in known} | {""}
    fresh: dict[str, str] = {}
    for name in names:
        if identity(name) not in taken:
            fresh.setdefault(identity(name), name)
    return tuple(fresh.values())
