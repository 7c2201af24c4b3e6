"""Look-alike characters as one: the confusables of Unicode Technical Standard 39.

The table is that of the package ``confusable-homoglyphs``, which carries Unicode's
``confusables.txt``. "Looks like" is an equivalence there, so each class of characters has one
representative: a small letter of ASCII where there is one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache

LOOK_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "m": "rn"})
"""The ASCII look-alike of a character, once in lower case: capital I looks like small l. Texts are
compared through it, not shown."""

_AS_TYPED = {"\xd7": "x", "\u22c5": "x", "\xb7": "x", "\xf7": "/", "\u2212": "-", "\u0131": "i"}
"""Signs of arithmetic by the ASCII typed for them, and what the standard keeps apart."""


@cache
def representatives() -> Mapping[int, str]:
    """The replacement of each character outside ASCII, for ``str.translate``.

    Characters that look like a letter, figure or sign of ASCII become it, letters small. Where a
    small letter looks like none but its capital does, it follows its capital.
    """
    classes: dict[str, set[str]] = {}
    sequences: dict[str, str] = {}

    def unite(one: str, other: str) -> None:
        joined = classes.get(one, {one}) | classes.get(other, {other})
        classes.update(dict.fromkeys(joined, joined))

    for one, other in _pairs():
        if len(one) == len(other) == 1:
            unite(one, other)
        elif len(one) == 1:
            sequences[one] = other
    for small in list(classes):
        capital = small.upper()
        if len(capital) == 1 and not any(c.isascii() for c in classes[small]):
            unite(capital, small)
    table = {c: min(found, key=_preference).lower() for c, found in classes.items()} | _AS_TYPED
    for character, sequence in sequences.items():
        if not table.get(character, character).isascii():
            table[character] = "".join(table.get(c, c) for c in sequence)
    return {ord(c): seen for c, seen in table.items() if not c.isascii() and c != seen}


def _pairs() -> Iterator[tuple[str, str]]:
    """Every two texts that the standard calls confusable, marks of direction left out."""
    from confusable_homoglyphs.confusables import (  # type: ignore[import-untyped]
        confusables_data,
    )

    for one, others in confusables_data.items():
        for other in others:
            yield _visible(one), _visible(other["c"])


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _preference(character: str) -> tuple[bool, bool, str]:
    """Small letters of ASCII come first, then the rest of it, then others by code point."""
    return not character.isascii(), not character.islower(), character
