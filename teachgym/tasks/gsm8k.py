"""``gsm8k``: grade-school word problems whose answers are numbers.

Source: Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems", arXiv 2110.14168;
7,473 problems to train on and 1,319 to test. Needs the extra ``math``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teachgym.settings import CountFromOne, checked
from teachgym.tasks.math_answers import read_marked, without_annotations
from teachgym.tasks.problem_splits import Problem
from teachgym.tasks.question_answer_files import Row, Source
from teachgym.tasks.worked_problems import Form, WorkedProblems
from teachgym.types import Brief, Skill

VERSION = "gsm8k-v0"
SKILL = "word-problems"
INSTRUCTION = (
    'Solve the problem step by step. End with a line "#### n", where n is the final answer as a '
    "number, without a unit."
)
BRIEF = Brief(
    domain="grade-school mathematics word problems",
    problem=(
        "A short story in plain English that ends with one question. It says everything that is "
        "needed, takes two to eight steps of elementary arithmetic, and its answer is one number."
    ),
    solution="The steps, one a line, each with its calculation, such as 48 / 2 = 24.",
    answer="The number alone, in figures, without a unit.",
)
_FEWEST_STEPS, _MOST_STEPS = 2, 8
"""The steps that problems take, by section 2 of the paper."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class Gsm8k(WorkedProblems):
    """Grade-school word problems (GSM8K), from the hub or from files.

    One skill. The columns are ``question`` and ``answer``, a solution that ends with ``#### 18``;
    the calculator annotations ``<<48/2=24>>`` are removed.
    """

    path: Source = "openai/gsm8k"
    config: str | None = "main"
    instruction: str = INSTRUCTION
    val_size: CountFromOne = 500
    """Validation items, drawn from train, >= 1."""
    by_steps: bool = False
    """Whether the difficulty is the number of lines of the solution, from 2 (or fewer) to 8 (or
    more): (lines - 2) / 6. Otherwise there is none."""

    skills = (
        Skill(SKILL, None, "Grade-school word problems of two to eight steps of arithmetic."),
    )
    brief, form = BRIEF, Form(read_marked, "#### {}".format)

    def __post_init__(self) -> None:
        if self.by_steps:
            self.levels = tuple(map(_difficulty, range(_FEWEST_STEPS, _MOST_STEPS + 1)))
        problems = (_problems(split, rows, self.by_steps) for split, rows in self.rows().items())
        self.put(VERSION, problems, self.val_size)


def _problems(split: str, rows: Iterable[Row], by_steps: bool) -> list[Problem]:
    problems = []
    for number, row in enumerate(rows):
        solution = without_annotations(row.text("answer"))
        problems.append(
            Problem(
                id=f"{VERSION}/{split}/{number:04}",
                text=row.text("question"),
                solution=solution,
                skill=SKILL,
                cell="",
                difficulty=_difficulty(solution.count("\n")) if by_steps else None,
            )
        )
    return problems


def _difficulty(steps: int) -> float:
    """The difficulty of a solution of so many lines, that of the final answer not counted."""
    within = min(max(steps, _FEWEST_STEPS), _MOST_STEPS)
    return (within - _FEWEST_STEPS) / (_MOST_STEPS - _FEWEST_STEPS)
