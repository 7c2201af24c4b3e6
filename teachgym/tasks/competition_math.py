"""``math``: problems of mathematics competitions in seven subjects and five levels.

Source: Hendrycks et al. 2021, "Measuring Mathematical Problem Solving With the MATH Dataset",
arXiv 2103.03874; 7,500 problems to train on and 5,000 to test. Needs the extra ``math``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, FewOrNone, Seconds, Seed, checked
from teachgym.tasks.math_answers import read_boxed
from teachgym.tasks.problem_splits import Problem, Selection, split_problems
from teachgym.tasks.question_answer_files import Row, Source, read_splits
from teachgym.tasks.worked_problems import Form, Outline, WorkedProblems
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
def load_math(
    path: Source = "EleutherAI/hendrycks_math",
    *,
    val_per_cell: CountFromOne = 10,
    skills: SkillsBy = "type",
    instruction: str = INSTRUCTION,
    config: str | None = None,
    revision: str | None = None,
    seed: Seed = 0,
    shots: FewOrNone = 0,
    limit: CountFromOne | None = None,
    test_limit: CountFromOne | None = None,
    deadline: Seconds = 5.0,
) -> WorkedProblems:
    r"""Competition problems (MATH), from the hub or from files.

    The columns are ``problem``, ``level`` (``Level 3``), ``type`` (``Algebra``) and ``solution``,
    which has its final answer in ``\boxed{...}``. Level l is difficulty (l - 1) / 4; problems of
    ``Level ?`` have none, and are never in val.

    Args:
        path: a data set on the hub, a folder, or files by split; see ``question_answer_files``.
        val_per_cell: validation items of each level of each type, drawn from train, >= 1;
            DataEnvGym has subsets of 1, 10 and 50.
        skills: ``type``: the types are the skills; ``type-level``: they are the roots, and each
            of their levels is a skill.
        instruction: what every prompt starts with; it should say how to write the answer.
        config: the sub-folder to read, where there is one, such as ``algebra``.
        revision: commit or tag of the data set on the hub; None = its newest version.
        seed: chooses val, the shots and what a limit leaves, >= 0.
        shots: worked problems from train that every prompt shows, >= 0.
        limit: the most items of each split, >= 1; None = all.
        test_limit: the most items of test, >= 1; None = as ``limit``.
        deadline: seconds to compare one answer, > 0.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, an unknown
            level, an empty split, or a setting out of range.
        MissingExtraError: if the extra ``math`` is not installed.
    """
    selection = Selection(val_per_cell, seed, shots, limit, test_limit)
    rows = read_splits(path, config=config, revision=revision)
    problems = {split: _problems(split, rows[split], skills) for split in rows}
    return WorkedProblems(
        Outline(
            f"{VERSION}-{selection.label}",
            _skills([row for part in rows.values() for row in part], skills),
            tuple((level - 1) / (LEVELS - 1) for level in range(1, LEVELS + 1)),
        ),
        split_problems(problems["train"], problems["test"], selection),
        Form(instruction, read_boxed, r"The final answer is \boxed{{{}}}.".format, BRIEF),
        deadline=deadline,
    )


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
