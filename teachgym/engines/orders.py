"""What every engine does with an order: divide it among the leaf skills it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from teachgym.apportion import divide_evenly
from teachgym.errors import UnknownSkillError, unknown
from teachgym.types import Order, Skill, leaf_skills

Leaves = Mapping[str, tuple[str, ...]]
"""Skill name to the leaves at or under it."""


def leaves_under(skills: Sequence[Skill]) -> Leaves:
    """Every skill's leaves, any depth; a leaf is its own.

    Example:
        >>> leaves_under((Skill("maths"), Skill("add", "maths"), Skill("sub", "maths")))["maths"]
        ('add', 'sub')
    """
    parent = {s.name: s.parent for s in skills}
    leaves: dict[str, tuple[str, ...]] = {s.name: () for s in skills}
    for leaf in leaf_skills(skills):
        above: str | None = leaf
        while above is not None:
            leaves[above] = (*leaves[above], leaf)
            above = parent[above]
    return leaves


def divide(order: Order, leaves: Leaves, rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """The order's count over the leaves of its skill, as evenly as whole numbers allow.

    Chance says which leaves get one more where it does not come out even.

    Raises:
        UnknownSkillError: if the order's skill is not in ``leaves``.
    """
    if order.skill not in leaves:
        raise UnknownSkillError(unknown("skill", order.skill, leaves))
    names = leaves[order.skill]
    yield from zip(names, divide_evenly(order.count, len(names), rng).tolist(), strict=True)
