"""Common work of engines: dividing orders among leaf skills, and signing examples.

Engines draw from ``teachgym.streams.Streams``, so that what they make for a skill and a difficulty
does not depend on the other orders of the plan: two plans that agree there get the same, and one
that orders more gets the other's examples and more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from teachgym.apportion import divide_evenly
from teachgym.errors import ConformanceError, UnknownSkillError, unknown
from teachgym.protocols import DataEngine
from teachgym.shown import shown
from teachgym.streams import Streams
from teachgym.types import Data, Example, Order, Plan, Provenance, Skill, leaf_skills

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


def fill(engine: DataEngine, plan: Plan, rng: np.random.Generator) -> Data:
    """The examples that an engine makes for a plan.

    Raises:
        ConformanceError: if it gives something else, more examples than the plan orders, or some
            for no subskill where each order is for one: they would count for nobody.
    """
    made: Any = engine.generate(plan, rng)
    data = tuple(islice(made, plan.total + 1)) if isinstance(made, Iterable) else (made,)
    strange = [item for item in data if not isinstance(item, Example)]
    if strange or len(data) > plan.total:
        found = shown(strange[0]) if strange else f"more than the {plan.total} examples ordered"
        raise ConformanceError(
            f"engine {type(engine).__name__!r} gives {found}; it must give a tuple of Example, at "
            "most Order.count for each order"
        )
    subskills = {order.subskill for order in plan.orders}
    made_for = {e.provenance.subskill if e.provenance else "" for e in data}
    if "" not in subskills and "" in made_for:
        raise ConformanceError(
            f"engine {type(engine).__name__!r} gives examples that name no subskill; write the "
            "order's into each: provenance=Provenance(subskill=order.subskill)"
        )
    return data


def divide(order: Order, leaves: Leaves, streams: Streams) -> Iterator[tuple[str, int]]:
    """The order's count over the leaves of its skill, as evenly as whole numbers allow.

    Chance says which leaves get one more where it does not come out even, the stream of the
    order's skill and difficulty.

    Raises:
        UnknownSkillError: if the order's skill is not in ``leaves``.
    """
    if order.skill not in leaves:
        raise UnknownSkillError(unknown("skill", order.skill, leaves))
    names = leaves[order.skill]
    if len(names) == 1:
        yield names[0], order.count
        return
    rng = streams.of("division", order.skill, order.difficulty)
    yield from zip(names, divide_evenly(order.count, len(names), rng).tolist(), strict=True)


def signed(example: Example, order: Order, engine: str) -> Example:
    """Sign ``example`` for ``order``: written by a teacher, for its subskill.

    The subskill is what a skill tree counts it for, so it is that of *this* order, whatever the
    example was made for before. Else a provenance is kept, so that what is known about who wrote
    it is not lost; an example without one gets the engine's, with its own id as the seed.

    Example:
        >>> one = signed(Example("1+1=", "2", "add", id="7"), Order("add", 1, subskill="ones"), "e")
        >>> one.source, one.provenance.seeds, one.provenance.teacher, one.provenance.subskill
        ('teacher', ('7',), 'e', 'ones')
    """
    made = example.provenance or Provenance((example.id,) if example.id else (), engine)
    if made.subskill != order.subskill:
        made = replace(made, subskill=order.subskill)
    return replace(example, source="teacher", provenance=made)
