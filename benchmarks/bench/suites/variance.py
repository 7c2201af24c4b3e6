"""``variance``: bases, draws of items and seeds crossed, to tell what each adds to a difference."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import EMBEDDED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite
from teachgym.students.bases import COMPARED, TINY

TEACHERS = ("uniform", "alp")
"""The first is what the others are compared with."""
ITEMS = 2
"""Draws of the items of all splits."""


def variance() -> Suite:
    """Two teachers on every base to compare on, each with the same draws of items and seeds.

    Seeds draw the examples and their order here and nothing else. What each source adds to the
    variance of a difference is told by ``teachgym.benchmarks.bench.variance``.
    """
    arms = tuple(
        Arm(
            arm_name(teacher, base, items),
            teacher,
            env_settings={"task_settings": {"seed": items}, "student_settings": {"base": base}},
            control=teacher == TEACHERS[0],
            against=arm_name(TEACHERS[0], base, items),
            condition=f"base {base}, items {items}",
        )
        for base in range(COMPARED[TINY])
        for items in range(ITEMS)
        for teacher in TEACHERS
    )
    return Suite(
        "variance",
        1,
        "two teachers over bases, draws of items and seeds, crossed",
        arms,
        env_settings=EMBEDDED,
        seeds=3,
        reference=arms[0].name,
    )


def arm_name(teacher: str, base: int, items: int) -> str:
    """The name of the arm of a teacher on a base with a draw of items."""
    return f"{teacher}-base-{base}-items-{items}"
