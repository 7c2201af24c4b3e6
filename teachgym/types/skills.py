"""Skills and the forest that their ``parent`` links form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teachgym.shown import in_short


@dataclass(frozen=True, slots=True)
class Skill:
    """Something a student can be good or bad at; the node of a skill forest."""

    name: str
    """Unique within its task."""
    parent: str | None = None
    """Name of the skill this one is a subskill of; None for a root."""
    description: str = ""
    """One sentence for people and language-model teachers."""

    __repr__ = in_short


def root_skills(skills: Sequence[Skill]) -> tuple[str, ...]:
    """Names of the skills without a parent, in order."""
    return tuple(s.name for s in skills if s.parent is None)


def leaf_skills(skills: Sequence[Skill]) -> tuple[str, ...]:
    """Names of the skills that are nobody's parent, in order."""
    parents = {s.parent for s in skills}
    return tuple(s.name for s in skills if s.name not in parents)


def leaves_by_root(skills: Sequence[Skill]) -> dict[str, tuple[str, ...]]:
    """Leaf names under each root, any depth; a root without children is its own leaf."""
    parent = {s.name: s.parent for s in skills}
    groups: dict[str, list[str]] = {root: [] for root in root_skills(skills)}
    for leaf in leaf_skills(skills):
        root = leaf
        while (above := parent[root]) is not None:
            root = above
        groups[root].append(leaf)
    return {root: tuple(leaves) for root, leaves in groups.items()}
