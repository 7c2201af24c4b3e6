"""``structure``: what it is worth to see and order by skills, or to have to find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from teachgym.benchmarks.bench.suites.shared import (
    DRAWN,
    EMBEDDED,
    OPEN_ENDED,
    SCRIPTED,
    SKILL_TREE,
)
from teachgym.benchmarks.bench.suites.suite import SKILL_LIST, Arm, Suite


class Place(NamedTuple):
    """A place where a chat model teaches, and the way it is asked there."""

    name: str
    env: str
    env_settings: Mapping[str, Any] = {}
    teacher_settings: Mapping[str, Any] = {}

    def arm_name(self, *, state: bool) -> str:
        """The name of the arm that sees the student's errors, or does not."""
        return f"{self.name}-{'with' if state else 'no'}-state"

    def arm(
        self, *, state: bool, against: str = "", env_settings: Mapping[str, Any] | None = None
    ) -> Arm:
        """A chat model that teaches here; ``env_settings`` are on top of the place's."""
        return Arm(
            self.arm_name(state=state),
            "llm",
            {**self.teacher_settings, "state": state},
            self.env,
            {**self.env_settings, **(env_settings or {})},
            against=against,
        )


PLACES = (
    Place("open-ended", OPEN_ENDED),
    Place(
        "skill-list",
        SKILL_LIST,
        {"engine": "llm"},
        {"only_errors": True, "error_tokens": 4_000},
    ),
    Place("skill-tree", SKILL_TREE, {"engine": "llm"}, {"error_tokens": 4_000}),
)
"""The three environments; in each, as many tokens of the student's errors are shown in a step, and
the chat model writes what it orders."""


def structure() -> Suite:
    """One competence in three environments, with and without state, and the best rules of each.

    DataEnvGym (arXiv 2410.06215, table 2, means of three tasks) finds gains of 4.60 points in
    Open-Ended, 3.15 in Skill-List and 3.32 in Skill-Tree with state, and of 1.10, 1.10 and 2.24
    without: with state the least structure is best, without it the most, and state helps in all.

    Here a function plays the chat model (see ``teachgym.benchmarks.bench.scripted_teacher``): it
    reads mistakes in the same way everywhere, and does with them what the environment lets it. In
    Open-Ended it divides a step among all skills at once; in Skill-List every skill has an equal
    part, and it chooses levels only; in Skill-Tree it divides a step among the subskills that it
    has found, and spends its first steps on finding them. So the suite tells what each structure
    leaves to a competent teacher. It cannot tell what the paper's differences come from as well:
    how well a language model copes with each prompt. ``--chat`` puts one in its place.

    Arms with state are compared with the one in Open-Ended: what structure gives; those without
    with the same arm with state: what state gives. In Skill-Tree nobody is asked without state: a
    coin decides (as in the paper's code), and it trains on fewer examples too. Rules of a list or
    a tree are compared with the one there that treats all skills alike, ``pool`` with the chat
    model in Open-Ended.
    """
    chats = [
        place.arm(state=state, against="" if state else place.arm_name(state=True))
        for place in PLACES
        for state in (False, True)
    ]
    rules = (
        Arm("uniform", "uniform", control=True),
        Arm("alp", "alp", against="uniform"),
        Arm("uniform-tree", "uniform-tree", env=SKILL_TREE, control=True),
        Arm("fill-and-balance", "fill-and-balance", env=SKILL_TREE, against="uniform-tree"),
        Arm("threshold", "threshold", env=SKILL_TREE, against="uniform-tree"),
        Arm("pool", "pool", env=OPEN_ENDED),
    )
    return Suite(
        "structure",
        2,
        "the same scripted chat model and the best rules in the three environments",
        (*chats, *rules),
        env_settings=EMBEDDED,
        seeds=10,
        seeded=DRAWN,
        reference="open-ended-with-state",
        chat=SCRIPTED,
        brief=tuple(arm.name for arm in chats),
    )
