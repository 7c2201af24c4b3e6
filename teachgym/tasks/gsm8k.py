"""``gsm8k``: grade-school word problems whose answers are numbers.

Source: Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems", arXiv 2110.14168;
7,473 problems to train on and 1,319 to test. Needs the extra ``math``.
"""

from __future__ import annotations

from collections.abc import Iterable

from teachgym.settings import CountFromOne, FewOrNone, Seconds, Seed, checked
from teachgym.tasks.math_answers import read_marked, without_annotations
from teachgym.tasks.problem_splits import Problem, Selection, split_problems
from teachgym.tasks.question_answer_files import Row, Source, read_splits
from teachgym.tasks.worked_problems import Form, Outline, WorkedProblems
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
def load_gsm8k(
    path: Source = "openai/gsm8k",
    *,
    val_size: CountFromOne = 500,
    by_steps: bool = False,
    instruction: str = INSTRUCTION,
    config: str | None = "main",
    revision: str | None = None,
    seed: Seed = 0,
    shots: FewOrNone = 0,
    limit: CountFromOne | None = None,
    test_limit: CountFromOne | None = None,
    deadline: Seconds = 5.0,
) -> WorkedProblems:
    """Grade-school word problems (GSM8K), from the hub or from files.

    One skill. The columns are ``question`` and ``answer``, a solution that ends with ``#### 18``;
    the calculator annotations ``<<48/2=24>>`` are removed.

    Args:
        path: a data set on the hub, a folder, or files by split; see ``question_answer_files``.
        val_size: validation items, drawn from train, >= 1.
        by_steps: whether the difficulty is the number of lines of the solution, from 2 (or
            fewer) to 8 (or more): (lines - 2) / 6. Otherwise there is none.
        instruction: what every prompt starts with; it should say how to write the answer.
        config: the sub-folder to read, where there is one.
        revision: commit or tag of the data set on the hub; None = its newest version.
        seed: chooses val, the shots and what a limit leaves, >= 0.
        shots: worked problems from train that every prompt shows, >= 0.
        limit: the most items of each split, >= 1; None = all.
        test_limit: the most items of test, >= 1; None = as ``limit``.
        deadline: seconds to compare one answer, > 0.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, an empty
            split, or a setting out of range.
        MissingExtraError: if the extra ``math`` is not installed.
    """
    selection = Selection(val_size, seed, shots, limit, test_limit)
    rows = read_splits(path, config=config, revision=revision)
    problems = {split: _problems(split, rows[split], by_steps) for split in rows}
    levels = tuple(map(_difficulty, range(_FEWEST_STEPS, _MOST_STEPS + 1))) if by_steps else (0.0,)
    skill = Skill(SKILL, None, "Grade-school word problems of two to eight steps of arithmetic.")
    return WorkedProblems(
        Outline(f"{VERSION}-{selection.label}", (skill,), levels),
        split_problems(problems["train"], problems["test"], selection),
        Form(instruction, read_marked, "#### {}".format, BRIEF),
        deadline=deadline,
    )


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
