"""``teachgym new``: a file with a part of one's own to start from, and a test beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from teachgym.errors import ConfigError, UnknownNameError, require_known


@dataclass(frozen=True, slots=True)
class Start:
    """The files that a kind begins with; ``$name``, ``$module``, ``$attribute`` are filled in."""

    source: str
    test: str
    attribute: str
    """Whether the part is a class or a function: ``class`` or ``function``."""
    command: str
    """The command to run next."""


_TEACHER = Start(
    '''"""A teacher of my own; docs/how-to/teacher.md explains it."""

from teachgym.agents.context import Cells


class $attribute:
    """Orders most where the student is right half of the time.

    Args:
        env: where it is going to teach; only names and sizes are kept.
        floor: weight of a skill that is always or never right, > 0.
    """

    name = "$name"

    def __init__(self, env, *, floor: float = 0.01):
        self.cells, self.floor = Cells.of(env), floor

    def reset(self, seed):
        """Forget the last episode; everything random comes from the seed."""

    def act(self, observation):
        """The share of the step for each skill and level, shape (n_skills, n_levels)."""
        p = observation["accuracy"]
        return self.cells.spend(p * (1 - p) + self.floor)

    def observe(self, transition):
        """Learn from what the step brought: ``transition.reward``, ``.next_observation``."""
''',
    '''"""The teacher keeps the contract and finishes an episode."""

import gymnasium as gym
from $module import $attribute

import teachgym  # registers the environments
from teachgym.loop import run_episode
from teachgym.testing import check_teacher


def test_it_keeps_the_contract():
    env = gym.make("teachgym/SkillList-v0", student="simulated", budget={"steps": 3})
    check_teacher($attribute(env), env)
    assert run_episode(env, $attribute(env), seed=0).length == 3
''',
    "class",
    "teachgym run --student simulated --teacher $module.py:$attribute",
)

_TASK = Start(
    '''"""A task of my own; docs/how-to/task.md explains it."""

from dataclasses import replace
from functools import partial

from teachgym.errors import UnknownSkillError
from teachgym.protocols import Task
from teachgym.tasks.procedural import draw_distinct, draw_in_split, item_rng
from teachgym.types import Example, Skill

FACTORS = {"double": 2, "triple": 3}


class $attribute(Task):
    """Multiplying, with numbers of three digits or of five."""

    name = "$name-v0"
    skills = tuple(map(Skill, FACTORS))
    levels = (0.0, 1.0)

    def __init__(self, *, per_cell: int = 20):
        self.per_cell = per_cell

    def examples(self, split):
        """The items of train, val or test: always the same, in the same order, with unique ids."""
        found = []
        cells = [(skill, level) for skill in FACTORS for level in self.levels]
        for number, cell in enumerate(cells):
            draw = partial(self._draw, *cell, item_rng(0, split, number))
            found += draw_distinct(draw, split, self.per_cell)
        return tuple(replace(e, id=f"{split}/{i}", source="task") for i, e in enumerate(found))

    def grade(self, example, response):
        """1 for a right response, 0 for a wrong one."""
        return float(response.strip() == example.target)

    def make(self, skill, difficulty, rng):
        """An example for training; ``difficulty`` is in [0, 1], None = any."""
        if skill not in FACTORS:
            raise UnknownSkillError(f"{skill!r} is not a skill; take one of {', '.join(FACTORS)}")
        level = float(rng.choice(self.levels) if difficulty is None else round(difficulty))
        return draw_in_split(partial(self._draw, skill, level, rng), "train")

    def _draw(self, skill, level, rng):
        number = int(rng.integers(100, 1000) if level == 0 else rng.integers(10_000, 100_000))
        answer = str(number * FACTORS[skill])
        return Example(f"{skill} {number}=", answer, skill, difficulty=level)
''',
    '''"""The task keeps the contract: disjoint splits, right targets, examples for training."""

from $module import $attribute

from teachgym.testing import check_task


def test_it_keeps_the_contract():
    check_task($attribute())
''',
    "class",
    "teachgym run --student simulated --task $module.py:$attribute",
)

_SUITE = Start(
    '''"""A suite of my own; docs/how-to/suite.md explains it."""

from teachgym.benchmarks.bench.suites import Arm, Suite


def $attribute():
    """The sharpness of the teacher's aim."""
    return Suite(
        "$name",
        1,  # raise it when results stop being comparable
        "how sharply `weakest` should aim",
        (
            Arm("uniform", "uniform", control=True),
            Arm("power-1", "weakest", {"power": 1.0}),
            Arm("power-4", "weakest", {"power": 4.0}),
            # A teacher of your own: Arm("mine", "my_teacher.py:MyTeacher", {"floor": 0.1})
        ),
        env_settings={"student": "simulated", "budget": {"steps": 3, "examples": 750}},
        seeds=3,
    )
''',
    '''"""Every arm of the suite can be run."""

from $module import $attribute

from teachgym.benchmarks.bench.runner import check_arms


def test_every_arm_can_be_run():
    check_arms($attribute())
''',
    "function",
    "teachgym bench $module.py:$attribute",
)

STARTS: Mapping[str, Start] = {"teacher": _TEACHER, "task": _TASK, "suite": _SUITE}
"""Kind to what it begins with."""


def start(kind: str, name: str, folder: Path) -> tuple[tuple[Path, Path], str]:
    """Write a part of one's own and its test into a folder; returns the files and a command.

    Raises:
        UnknownNameError: for a kind that is not in ``STARTS``.
        ConfigError: for a name that is none in Python, or a file that is there already.
    """
    require_known("kind", [kind], STARTS, UnknownNameError)
    module = name.replace("-", "_")
    if not (module.isidentifier() and module.isascii() and module == module.lower()):
        raise ConfigError(f"name is {name!r}; it must be lower-case letters, digits, - and _")
    begin = STARTS[kind]
    camel = "".join(word.capitalize() for word in module.split("_"))
    attribute = camel if begin.attribute == "class" else f"{module}_suite"
    filled = {"name": name, "module": module, "attribute": attribute}
    files = folder / f"{module}.py", folder / f"test_{module}.py"
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} is there already; give another name, or move it away")
    for path, text in zip(files, (begin.source, begin.test), strict=True):
        path.write_text(Template(text).substitute(filled), encoding="utf-8")
    return files, Template(begin.command).substitute(filled)
