"""The shared parts of suites: environments, budget, controls, and the scripted chat model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teachgym.benchmarks.bench.suites.suite import BASE, Arm

OPEN_ENDED, SKILL_TREE = "teachgym/OpenEnded-v0", "teachgym/SkillTree-v0"
BUDGET: Mapping[str, float] = {"steps": 10, "examples": 2500}
EMBEDDED: Mapping[str, Any] = {
    "student": "tiny",
    "task_settings": {"test_per_cell": 80},
    "budget": BUDGET,
    "examples_per_step": 250,
}
"""The embedded student at the project's usual budget, with as many items of test as make the error
of an accuracy small beside what runs differ by."""
DRAWN = ("task_settings.seed", BASE)
"""The settings that a run's seed draws: items of all splits, and the student's base."""
SCRIPTED: Mapping[str, Any] = {
    "provider": "python",
    "model": "teachgym.benchmarks.bench.scripted_teacher:answer",
    "cache": "off",
}
"""A function in the place of a chat model; see ``teachgym.benchmarks.bench.scripted_teacher``."""


def under(teacher: str, condition: str) -> str:
    """The name of the arm of a teacher under a condition; the empty one is that without any."""
    return f"{teacher}-{condition}" if condition else teacher


def crossed(
    teachers: Sequence[str], conditions: Mapping[str, Mapping[str, Any]]
) -> tuple[Arm, ...]:
    """Each teacher under each condition, compared with the first one under the same.

    ``conditions`` maps the name of each to the settings of the environment that make it.
    """
    return tuple(
        Arm(
            under(teacher, condition),
            teacher,
            env_settings=settings,
            control=teacher == teachers[0],
            against=under(teachers[0], condition),
            condition=condition,
        )
        for condition, settings in conditions.items()
        for teacher in teachers
    )


def controls() -> tuple[Arm, ...]:
    """The arms that every comparison needs.

    * ``uniform``: the same for every skill, decided by nothing.
    * ``no-data``: the untrained student, through the whole protocol.
    * ``less-data``: as many training tokens from one in four examples, each so many times as
      often: what more compute on less data gives.
    * ``format``: examples of the right form whose answers are wrong. What it gains is knowing
      what an answer looks like, and no skill.
    * ``real-data``: as many of the task's own training examples instead of generated ones. Its
      engine forgets what it drew, so there the gate lets what comes again pass (one in twenty).
    * ``oracle``: knows the learnable skills; not a fair teacher, and no ceiling either.
    * ``planned``, ``best-constant``: the best plan, and the best allocation that never changes.
      Both come from a search on the simulated student, or on its fit to ``tiny``, of some thousand
      simulated episodes that no budget pays (``teachgym.students.planning``). The room up to the
      first is what an arm's share is of; on ``tiny`` it is as good as the fit.
    * ``dirichlet``: an allocation drawn by chance in each run: what any choice is worth.
    """
    return (
        Arm("uniform", "uniform", control=True),
        Arm("no-data", "nothing", control=True),
        Arm("less-data", "uniform", control=True, fewer=4),
        Arm("format", "uniform", env_settings={"stress": {"wrong_labels": 1.0}}, control=True),
        Arm(
            "real-data",
            "uniform",
            env_settings={
                "engine": "pool",
                "task_settings": {"train_per_cell": 250},
                "gate_settings": {"duplicates": "allow"},
            },
            control=True,
        ),
        *(Arm(n, n, control=True) for n in ("oracle", "planned", "best-constant", "dirichlet")),
    )
