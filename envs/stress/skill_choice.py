"""The choice of the skills under a kind of stress."""

from __future__ import annotations

from collections.abc import Sequence

from teachgym.envs.stress.settings import SkillChoice
from teachgym.errors import require_known
from teachgym.streams import chance


def choose_skills(
    choice: SkillChoice, leaves: Sequence[str], *, kind: str, seed: int = 0
) -> frozenset[str]:
    """The named skills, or the share of the leaves with the smallest ``chance(seed, kind, name)``.

    The share is rounded to whole skills, halves up, and is at least one skill if it is not 0. A
    larger share holds all skills of a smaller one.

    Raises:
        ConfigError: for a name that is not one of ``leaves``.
    """
    if isinstance(choice, tuple):
        require_known(f"leaf skill in stress {kind!r}", choice, leaves)
        return frozenset(choice)
    count = max(1, int(choice * len(leaves) + 0.5)) if choice else 0
    return frozenset(sorted(leaves, key=lambda name: chance(seed, kind, name))[:count])
