"""``skill-source``: what it is worth to a teacher that skills mean something."""

from __future__ import annotations

from collections.abc import Mapping

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite

GOLD = "gold"
COMPARED: Mapping[str, str | None] = {
    GOLD: None,
    "clusters-32": "clusters-32",
    "clusters-7": "clusters-7",
    "roots": "roots",
    "shuffled": "shuffled",
    "one": "one",
}
"""Name in the table to the setting ``skills``: see ``teachgym.skills.sources``; None = the
task's own. The task has 32 leaf skills under 7 roots."""


def skill_source(sources: Mapping[str, str | None] = COMPARED) -> Suite:
    """A teacher that watches progress, and an even spread, under skills from several sources.

    Each arm is compared with the same teacher under the task's own skills, and ``alp-gold`` with
    ``uniform-gold``. The student, the items of every split and their levels are the same; only the
    division into skills differs. DataEnvGym (arXiv 2410.06215, table 3; one run each, no errors
    given) has oracle skills above discovered ones: GQA +8.84 against +4.00, MATH +3.74 against
    +2.47.

    What the arms can show:

    * ``uniform`` looks at nothing. Under ``gold``, ``clusters-32``, ``shuffled`` and ``one``, where
      all skills are equally large, every leaf gets as much on average (by orders under the first
      two, by chance under the others), so differences there are nearly noise; under ``roots`` and
      ``clusters-7`` it favours the leaves of small skills.
    * ``alp`` follows progress per skill, levels alike. What it loses from ``gold`` to ``shuffled``
      is what it had from skills; under ``one`` there is nothing to follow, and it is ``uniform``.

    What they cannot show: every exercise of the task begins with the name of its skill, so whoever
    reads finds the 32 leaves. ``clusters-32`` is the same division as ``gold`` and stands for any
    complete discovery, ``clusters-7`` for a coarse one that mixes up what belongs apart. How well a
    chat model discovers is told by its own skill file, which may be among ``sources``.

    Args:
        sources: name in the table to the setting ``skills``; ``gold`` has to be among them.
    """
    arms = [
        Arm(
            f"{teacher}-{name}",
            teacher,
            env_settings={"skills": source},
            control=teacher == "uniform",
            against="" if name == GOLD else f"{teacher}-{GOLD}",
        )
        for teacher in ("uniform", "alp")
        for name, source in sources.items()
    ]
    return Suite(
        "skill-source",
        2,
        "progress per skill under the task's own skills, found, coarse, shuffled and none",
        tuple(arms),
        env_settings=EMBEDDED,
        seeds=10,
        seeded=DRAWN,
        reference=f"uniform-{GOLD}",
        brief=("alp-gold", "alp-clusters-7", "alp-shuffled", "alp-one"),
    )
