"""``tiny``: the project's leaderboard."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.shared import (
    DRAWN,
    EMBEDDED,
    OPEN_ENDED,
    SCRIPTED,
    SKILL_TREE,
    controls,
)
from teachgym.benchmarks.bench.suites.suite import Arm, Suite
from teachgym.benchmarks.bench.suites.tuned import tuned_arm

LIST_TEACHERS = (
    "weakest",
    "alp",
    "epsilon-greedy",
    "ucb1",
    "discounted-ucb",
    "sliding-window-ucb",
    "thompson",
    "exp3",
    "exp3s",
    "linucb",
    "alp-gmm",
    "riac",
    "covar-gmm",
    "tscl-online",
    "tscl-naive",
    "tscl-window",
    "tscl-sampling",
    "plr",
    "procurl",
    "sec",
    "dump",
    "adarft",
    "odm",
    "skill-it",
    "excess-loss",
)
TREE_TEACHERS = (
    "uniform-tree",
    "alternating",
    "fill-and-balance",
    "random-tree",
    "threshold",
    "constant-tree",
)
FIRST = (
    *("copy", "double", "triple", "first", "last", "odd", "tail", "up", "down", "max", "min"),
    *("next", "prev", "mirror", "rotl", "rotr", "rev", "swap"),
)
THEN = (
    *("mix", "rep", "revnext", "twoprev", "rotnext", "tailprev", "oddnext", "twotail"),
    *("less", "add", "sub", "mod", "mul", "sum97"),
)


def tiny() -> Suite:
    """The project's leaderboard: every teacher on the embedded student.

    ``fixed`` is the curriculum a person may write: simple skills first, then those that combine
    them and arithmetic. ``llm-scripted`` has a function in the place of its chat model (see
    ``with_state``), so it stands for what the student's errors are worth, not for any model. Rules
    of the tree are compared with ``uniform-tree``, which teaches all that it finds alike.
    """
    plain = TREE_TEACHERS[0]
    mixtures = [dict.fromkeys(skills, 1.0) for skills in (FIRST, THEN) for _ in range(5)]
    lists = (
        *map(tuned_arm, LIST_TEACHERS),
        Arm("fixed", "fixed", {"mixtures": mixtures}),
    )
    written = (
        Arm("pool", "pool", env=OPEN_ENDED, control=True),
        Arm("llm-scripted", "llm", {"state": True}, env=OPEN_ENDED),
    )
    trees = tuple(
        tuned_arm(name, env=SKILL_TREE, against="" if name == plain else plain)
        for name in TREE_TEACHERS
    )
    return Suite(
        "tiny",
        2,
        "every teacher and control on the tiny student",
        (*controls(), *lists, *trees, *written),
        env_settings=EMBEDDED,
        seeds=20,
        seeded=DRAWN,
        chat=SCRIPTED,
        beyond=("no-data", "format"),
        brief=(
            "no-data",
            "format",
            "oracle",
            "planned",
            "weakest",
            "alp",
            "ucb1",
            "thompson",
            "alp-gmm",
            "fixed",
        ),
    )
