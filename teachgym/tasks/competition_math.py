"""``math``: problems of mathematics competitions in seven subjects and five levels.

Source: Hendrycks et al. 2021, "Measuring Mathematical Problem Solving With the MATH Dataset",
arXiv 2103.03874; 7,500 problems to train on and 5,000 to test. Needs the extra ``math``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, checked
from teachgym.tasks.math_answers import read_boxed
from teachgym.tasks.problem_splits import Problem
from teachgym.tasks.question_answer_files import Row, Source
from teachgym.tasks.worked_problems import Form, WorkedProblems
from teachgym.types import Brief, Skill

VERSION = "math-v0"
LEVELS = 5
UNKNOWN = "unknown"
"""The level of problems of ``Level ?``."""
INSTRUCTION = r"Solve the problem step by step. Put your final answer in \boxed{}."
BRIEF = Brief(
    domain="competition mathematics problems",
    problem=(
        "A self-contained problem with exactly one answer, its formulas in LaTeX between dollar "
        "signs, without figures and without its solution."
    ),
    solution="The solution step by step, its formulas in LaTeX between dollar signs.",
    answer=(
        r"The final answer alone, in LaTeX, in simplest form, such as \frac{3}{4}: without dollar "
        r"signs, \boxed or a unit."
    ),
)

SkillsBy = Literal["type", "type-level"]


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class CompetitionMath(WorkedProblems):
    r"""Competition problems (MATH), from the hub or from files.

    The columns are ``problem``, ``level`` (``Level 3``), ``type`` (``Algebra``) and ``solution``,
    which has its final answer in ``\boxed{...}``. Level l is difficulty (l - 1) / 4; problems of
    ``Level ?`` have none, and are never in val.
    """

    path: Source = "EleutherAI/hendrycks_math"
    instruction: str = INSTRUCTION
    val_per_cell: CountFromOne = 10
    """Validation items of each level of each type, drawn from train, >= 1; DataEnvGym has subsets
    of 1, 10 and 50."""
    skills: SkillsBy = "type"  # type: ignore[assignment]  # Once made, the skills so chosen.
    """``type``: the types are the skills; ``type-level``: they are the roots, and each of their
    levels is a skill."""

    levels = tuple((level - 1) / (LEVELS - 1) for level in range(1, LEVELS + 1))
    brief, form = BRIEF, Form(read_boxed, r"The final answer is \boxed{{{}}}.".format)

    def __post_init__(self) -> None:
        by, rows = self.skills, self.rows()
        self.put(VERSION, (_problems(split, rows[split], by) for split in rows), self.val_per_cell)
        every: object = _skills([row for part in rows.values() for row in part], by)
        self.skills = every  # type: ignore[assignment]


def _skills(rows: Sequence[Row], skills: SkillsBy) -> tuple[Skill, ...]:
    """The types, and with ``type-level`` their levels under them, in alphabetical order."""
    titles = {_type(row): row.text("type") for row in rows}
    roots = [Skill(name, None, f"{titles[name]}.") for name in sorted(titles)]
    if skills == "type":
        return tuple(roots)
    cells = sorted({(_type(row), _level(row)) for row in rows})
    leaves = (Skill(_leaf(t, n), t, f"{titles[t]}, level {n}.") for t, n in cells)
    return (*roots, *leaves)


def _problems(split: str, rows: Iterable[Row], skills: SkillsBy) -> list[Problem]:
    problems, counts = [], Counter[str]()
    for row in rows:
        subject, level = _type(row), _level(row)
        cell = f"{subject}/{level}"
        known = level != UNKNOWN
        problems.append(
            Problem(
                id=f"{VERSION}/{split}/{cell}/{counts[cell]:04}",
                text=row.text("problem"),
                solution=row.text("solution"),
                skill=subject if skills == "type" else _leaf(subject, level),
                cell=cell if known else None,
                difficulty=(int(level) - 1) / (LEVELS - 1) if known else None,
            )
        )
        counts[cell] += 1
    return problems


def _leaf(subject: str, level: str) -> str:
    return f"{subject}-level-{level}"


def _type(row: Row) -> str:
    """The type as a name, e.g. ``counting-and-probability``."""
    words = row.text("type").lower().replace("&", "and")
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _level(row: Row) -> str:
    """The level as a digit from 1 to 5, or ``UNKNOWN``."""
    level = row.text("level").removeprefix("Level ").replace("?", UNKNOWN)
    if level not in (*map(str, range(1, LEVELS + 1)), UNKNOWN):
        raise ConfigError(
            f"{row.where}: the level is {row.text('level')!r}; it must be 'Level 1' to "
            f"'Level {LEVELS}', or 'Level ?'"
        )
    return level
