"""Make the hard profile of the simulated student, where prerequisites must be learned first.

    python -m teachgym.benchmarks.models.hard_profile

The profile is fitted to nothing. It has three chains of up to eight skills, each of which needs the
one before it, and compositions of them; all are unknown except for the first of each chain.
Forgetting is strong, so that early skills have to be taught again. Traps start better than most
skills and cannot be learned. So a fixed allocation wastes examples on skills that cannot be learned
yet, and planning is worth far more than with the ``tiny`` students that ship.
"""

from __future__ import annotations

from itertools import pairwise

from teachgym.students.profile import HARD, Profile, SkillProfile
from teachgym.tasks.primitives import PRIMITIVES

CHAINS = (
    ("copy", "first", "last", "odd", "tail", "double", "triple"),
    ("up", "down", "max", "min", "rotl", "rotr", "rev", "swap"),
    ("next", "prev", "mirror", "mix", "rep", "less"),
)
"""Each skill needs the one before it."""
TRAPS = ("mod", "add", "sub", "mul", "sum97")
"""Skills that cannot be learned."""


def hard_profile() -> Profile:
    """Make the profile from the two tables above."""
    before = {skill: (need,) for chain in CHAINS for need, skill in pairwise(chain)}
    skills: dict[str, SkillProfile] = {}
    for skill in PRIMITIVES:
        needs = skill.needs or before.get(skill.name, ())
        if skill.name in TRAPS:
            skills[skill.name] = SkillProfile((-1.0, -1.5, -2.0), rate=0.0, forgetting=0.0)
        else:
            start = (-4.0, -4.0, -4.0) if needs else (-1.0, -1.5, -2.0)
            skills[skill.name] = SkillProfile(start, rate=40.0, forgetting=0.4, prerequisites=needs)
    return Profile(
        skills,
        default=SkillProfile(rate=40.0, forgetting=0.4),
        level_transfer=0.7,
        noise=0.2,
        learnable=tuple(name for name in skills if name not in TRAPS),
        fit={"command": "python -m teachgym.benchmarks.models.hard_profile"},
    )


if __name__ == "__main__":
    hard_profile().dump(HARD)
