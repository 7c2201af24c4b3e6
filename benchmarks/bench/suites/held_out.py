"""``held_out``: trained teachers beside their beginnings, rules and plans, on new students."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from teachgym.benchmarks.bench.suites.shared import BUDGET, DRAWN
from teachgym.benchmarks.bench.suites.suite import BASE, TUNING_SEED, Arm, Cell, Suite, overlay
from teachgym.envs.config import EnvConfig
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.registry import label
from teachgym.students.bases import COMPARED, bases_of
from teachgym.tasks import TASKS

RULES = ("alp", "planned")


def held_out(
    teachers: Mapping[str, str],
    env_settings: Mapping[str, Any] | None = None,
    seeds: int = 10,
    rules: tuple[str, ...] = RULES,
    met: Iterable[Mapping[str, Any]] = (),
) -> Suite:
    """A suite of teachers ``trained`` by the paths of their folders, against ``uniform``.

    Seeds draw bases and items as on boards. Those that draw what a training has met are left out,
    and the next ones take their place. A student with one base, or a task without a seed, can be
    held out by its settings alone; the suite's description says so.

    Args:
        teachers: name -> path, untrained models among them.
        env_settings: on top of the simulated student at the project's usual budget.
        seeds: runs of each arm, >= 1.
        rules: registered teachers to compare with.
        met: the settings of all environments that the teachers' training had.

    Raises:
        ConfigError: where training has met every base.
    """
    learned = (Arm(name, "trained", {"path": path}) for name, path in teachers.items())
    controls = (Arm(name, name, control=name == "planned") for name in rules)
    usual: Record = {"student": "simulated", "budget": BUDGET, "examples_per_step": 250}
    settings = overlay(usual, env_settings or {})
    traits = traits_of(settings)
    suite = Suite(
        "held-out",
        1,
        f"trained teachers on {' and '.join(traits) or 'test'} that no training has met",
        (Arm("uniform", "uniform", control=True), *controls, *learned),
        env_settings=settings,
        seeds=seeds,
        seeded=DRAWN if "items" in traits else (BASE,),
    )
    return suite.with_seeds(_new_seeds(suite, met))


def traits_of(env_settings: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The ``bases`` and ``items`` of an environment, if others can be drawn in their place.

    A student may have one base alone, and a task items that no seed draws.
    """
    traits: dict[str, tuple[str, Any]] = {}
    student = bases_of({"student": EnvConfig.student, **env_settings})
    if student is not None and COMPARED[student] > 1:
        traits["bases"] = student, env_settings.get("student_settings", {}).get("base", 0)
    task = env_settings.get("task", EnvConfig.task)
    usual = TASKS.settings(task)
    if "seed" in usual:
        own = {**usual, **env_settings.get("task_settings", {})}
        traits["items"] = label(task), own["seed"]
    return traits


def _new_seeds(suite: Suite, met: Iterable[Mapping[str, Any]]) -> list[int]:
    """The first seeds whose runs have no base and no items that a training has met."""
    known = {trait for own in met for trait in traits_of(own).items()}

    def is_new(seed: int) -> bool:
        drawn = Cell(suite, suite.arms[0], seed).config.env_settings
        return known.isdisjoint(traits_of(drawn).items())

    found = list(islice(filter(is_new, range(TUNING_SEED)), suite.seeds))
    if len(found) < suite.seeds:
        raise ConfigError(
            "training has met every base and all items that its bench could have; leave a base "
            "out of its stages, or give --test 0 or another task or student by --test-set"
        )
    return found
