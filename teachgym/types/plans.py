"""A teacher's requests to a data engine: orders, plans and the moves of a skill tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from teachgym.errors import ConfigError
from teachgym.escaping import notebook_table
from teachgym.shown import in_short


@dataclass(frozen=True, slots=True)
class Order:
    """One line of a plan: a number of examples of a kind (the paper's data specification)."""

    skill: str
    count: int
    """Examples wanted, >= 0."""
    difficulty: float | None = None
    """In [0, 1]; None = any."""
    hint: str = ""
    """Free text for engines that can read, e.g. a hypothesis about the student's mistake."""
    seeds: tuple[str, ...] = ()
    """Ids of the examples to vary, or to hand in; those that the skill does not have are passed
    over, and if none is left the engine chooses."""
    engine: str = ""
    """Name of the engine that should fill the order; empty = the environment's default."""
    subskill: str = ""
    """A subskill of ``skill`` that the task itself does not know; empty = none."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"Order.count is {self.count}; it must be 0 or more")
        if self.difficulty is not None and not 0 <= self.difficulty <= 1:
            raise ConfigError(
                f"Order.difficulty is {self.difficulty}; it must be in [0, 1] or None"
            )
        if isinstance(self.difficulty, int | float) and not isinstance(self.difficulty, bool):
            # Streams of random numbers are named after it, so equal ones must be written alike.
            object.__setattr__(self, "difficulty", abs(float(self.difficulty)))


@dataclass(frozen=True, slots=True)
class Plan:
    """The data generation plan p_t: all orders of a step."""

    orders: tuple[Order, ...] = ()

    __repr__ = in_short

    def _repr_html_(self) -> str:
        """The orders, for notebooks."""
        header = ("skill", "subskill", "examples", "difficulty", "hint", "engine")
        rows = (
            (o.skill, o.subskill, o.count, _or_any(o.difficulty), o.hint, o.engine)
            for o in self.orders
        )
        return notebook_table(f"Plan of {self.total:,} examples", header, rows)

    @property
    def total(self) -> int:
        """Examples asked for over all orders."""
        return sum(order.count for order in self.orders)


@dataclass(frozen=True, slots=True)
class Explore:
    """Skill-tree move: look for new subskills of ``skill`` and teach them."""

    skill: str
    """A root, or a subskill that was found before: trees may be of any depth."""
    subskills: int
    """New subskills asked for, >= 1; fewer are found when no more exist."""
    examples: float
    """Examples for each new subskill per step, >= 0; on average, where it is no whole number."""
    reason: str = ""
    """The teacher's reason, in its words."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Exploit:
    """Skill-tree move: teach the known subskills of ``skill``."""

    skill: str
    """A root."""
    allocation: Mapping[str, float]
    """Examples per known subskill and step, each >= 0; on average, where it is no whole number."""
    reason: str = ""
    """The teacher's reason, in its words."""

    __repr__ = in_short


def _or_any(difficulty: float | None) -> str:
    return "any" if difficulty is None else f"{difficulty:.3g}"


Move = Explore | Exploit
"""The act of a Skill-Tree teacher on a skill in a step."""
