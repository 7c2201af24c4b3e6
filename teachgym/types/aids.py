"""Aids: texts by the teacher that precede prompts in an evaluation of the student."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.shown import in_short


@dataclass(frozen=True, slots=True)
class Aid:
    """A text, and the items whose prompts it may precede; see ``teachgym.envs.aids``."""

    text: str
    skill: str = ""
    """Leaf skill of the items; empty = those for which no other aid names theirs."""
    like: str = ""
    """A text like the items' prompts: of several aids the one with the most similar text is
    taken; empty = any prompt, if no other resembles it more."""
    places: tuple[int, ...] | None = None
    """Places of the items in ``val``, counted from 0; None = wherever they stand."""

    __repr__ = in_short
