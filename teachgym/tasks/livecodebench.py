"""``livecodebench``: problems of programming contests, graded by private tests.

Source: Jain et al. 2024, "LiveCodeBench: Holistic and Contamination Free Evaluation of Large
Language Models for Code", arXiv 2403.07974, and its repository. Outputs are compared as there:
line by line, and where lines differ, number by number as decimals; what a function returns by
``==``, a tuple as a list. Different are: each test has a process of its own behind walls, a
script is run as one and must end without an error, and numpy is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from teachgym.errors import ConfigError
from teachgym.sandbox import Answer, Job, Limits
from teachgym.settings import CountFromOne, Seconds, Seed, Share, checked
from teachgym.shown import shown
from teachgym.tasks.livecodebench_rows import (
    DIFFICULTIES,
    Case,
    CodeProblem,
    in_window,
    read_date,
    read_problem,
    read_rows,
)
from teachgym.tasks.problem_splits import Problem, draw
from teachgym.tasks.program_tests import Trial
from teachgym.tasks.question_answer_files import read_file
from teachgym.tasks.task import ListedTask
from teachgym.tasks.tested_programs import TestedPrograms
from teachgym.types import Brief, Example, Skill, Split

VERSION = "livecodebench-v0"
SKILL = "contest-problems"
NO_SOLUTION = "# There is no reference solution."
"""The target where the data has none: LiveCodeBench has no solutions."""
BRIEF = Brief(
    domain="problems of programming contests, solved by a function of Python",
    problem=(
        "A whole problem: what is given, what is asked for, the limits, and the name and the "
        "arguments of the function to be written."
    ),
    tests=(
        "At least four calls of the function with their results, one a line, such as "
        "longest([2, 5]) == 2: literals alone, the edges of the limits among them."
    ),
    solution="",
    answer="The whole program, with its imports.",
)

_SCRIPT = "Read the input from standard input, and write the answer to standard output."
_END = "Answer with the whole program, in a block that begins with ```python and ends with ```.\n"
# What LiveCodeBench puts before a program; names of later modules hide those of earlier ones.
_MODULES = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random"),
    *("statistics", "itertools", "functools", "operator", "io", "sys", "json", "builtins"),
    "typing",
)
PRELUDE = "".join(f"from {name} import *\n" for name in _MODULES) + (
    f"import {', '.join(_MODULES)}\nsys.setrecursionlimit(50000)\n"
)


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class LiveCodeBench(ListedTask, TestedPrograms):
    """Programs to write for contest problems, as a script or a function.

    One skill, three levels: easy, medium, hard. There are no training examples: teach with
    ``engine="llm"``. The targets of items are ``NO_SOLUTION`` unless ``solutions`` are given.

    Raises:
        ConfigError: for files that are not there or cannot be read, an empty split, or if no
            sandbox holds.
        MissingExtraError: for Parquet without pyarrow.
    """

    levels = tuple(DIFFICULTIES.values())
    skills = (Skill(SKILL, None, "Problems of programming contests."),)
    brief = BRIEF

    path: str | Sequence[str] = "livecodebench/code_generation_lite"
    """A JSONL or Parquet file, several, a folder, or a data set on the hub."""
    release: str | None = None
    """``release_v1``, ...; None = all files."""
    since: str | None = None
    """The day of the first contests, such as 2024-05-01; None = all."""
    until: str | None = None
    """The day before which contests are; None = all."""
    val_from: str | None = None
    """The day from which on contests are ``val``, those before it ``test``; None = by chance.
    DataEnvGym's ``val`` are those of release_v2 that are not in release_v1."""
    test_share: Share = 0.5
    """The share of the problems that are ``test``, where chance decides, in (0, 1)."""
    limit: CountFromOne | None = None
    """The most items of each split, >= 1; None = all."""
    seed: Seed = 0
    """Chooses where chance decides, and what a limit leaves, >= 0."""
    revision: str | None = None
    """Commit or tag of a data set on the hub; None = its newest version."""
    solutions: str | None = None
    """A JSONL file with the columns ``question_id`` and ``code``; None = none."""
    deadline: Seconds = 6.0
    """Seconds of processor time for each test, > 0; LiveCodeBench has 6 by the clock."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limit, seed = self.limit, self.seed
        read = read_rows(self.path, self.release, self.revision)
        rows = list(in_window(read, self.since, self.until))
        found = [Problem(r.text("question_id"), "", "", SKILL, cell="") for r in rows]
        if self.val_from is None:
            test = draw(found, round(self.test_share * len(found)), seed)
        else:
            day = read_date(self.val_from, "val_from")
            newer = {id(row) for row in in_window(rows, day.isoformat(), None)}
            test = tuple(p for p, row in zip(found, rows, strict=True) if id(row) not in newer)
        val = draw([problem for problem in found if problem not in test], limit, seed)
        test = draw(test, limit, seed)
        if not val or not test:
            raise ConfigError(
                f"{'val' if test else 'test'} is empty: {len(found)} problems are in the window; "
                "widen since and until, or move val_from"
            )
        chosen = {problem.id for problem in (*val, *test)}
        problems = [read_problem(row) for row in rows if row.text("question_id") in chosen]
        self._problems = {problem.id: problem for problem in problems}
        targets = _solutions(self.solutions)
        named = (self.release, self.since, self.until, self.val_from)
        bounds = [f"-{text}" for text in named if text]
        self.name = f"{VERSION}{''.join(bounds)}-{len(val)}-{len(test)}-seed{seed}"
        self._examples: dict[Split, tuple[Example, ...]] = {
            "train": (),
            "val": tuple(_example(self._problems[p.id], targets) for p in val),
            "test": tuple(_example(self._problems[p.id], targets) for p in test),
        }

    @property
    def limits(self) -> Limits:
        """The limits of a program, which are wider than elsewhere."""
        return Limits(seconds=self.deadline, memory=2**32, output=2**24)

    def is_own(self, example: Example) -> bool:
        """Whether the example is one of the problems: its id alone could be anybody's."""
        problem = self._problems.get(example.id)
        return problem is not None and _prompt(problem) == example.prompt

    def try_own(self, examples: Sequence[Example], programs: Sequence[str]) -> list[Trial]:
        """Run each program on its tests, one after another up to the first failure."""
        problems = [self._problems[example.id] for example in examples]
        logs = dict.fromkeys(range(len(programs)), "")
        passed = dict.fromkeys(logs, 0)
        for number in range(max((len(problem.cases) for problem in problems), default=0)):
            open_ = [i for i in logs if not logs[i] and number < len(problems[i].cases)]
            jobs = [_job(problems[i], number, programs[i], self.limits) for i in open_]
            for i, outcome in zip(open_, self.opened.run(jobs), strict=True):
                problem, case = problems[i], problems[i].cases[number]
                logs[i] = _fault(problem, case, outcome.answers[0])
                passed[i] += not logs[i]
        name = self.opened.provider
        return [Trial(passed[i] / len(p.cases), logs[i], name) for i, p in enumerate(problems)]


def _job(problem: CodeProblem, number: int, program: str, limits: Limits) -> Job:
    source, given = f"{PRELUDE}\n{program}", problem.cases[number].given
    if not problem.function:
        return Job(source, stdin=given, limits=limits)
    owner = "Solution()." if "class Solution" in program else ""
    arguments = tuple(json.loads(line) for line in given.split("\n"))
    return Job(source, f"{owner}{problem.function}", (arguments,), limits=limits)


def _fault(problem: CodeProblem, case: Case, answer: Answer) -> str:
    """The fault that fails a test; empty = it is passed."""
    if answer.fault:
        return answer.fault
    if problem.function:
        value = list(answer.value) if isinstance(answer.value, tuple) else answer.value
        right = value == json.loads(case.expected)
    else:
        value = answer.value
        right = isinstance(value, str) and same_output(case.expected, value)
    if right:
        return ""
    return f"of {shown(case.given)} it makes {shown(value)} instead of {shown(case.expected)}"


def same_output(expected: str, output: str) -> bool:
    r"""Whether two outputs have equal numbers, or equal lines apart from outer white space.

    Example:
        >>> same_output("1 2.50\nYES", " 1.0 2.5\nYES\n"), same_output("YES", "yes")
        (True, False)
    """
    lines, others = (
        [line.strip() for line in text.strip().split("\n")] for text in (expected, output)
    )
    return len(lines) == len(others) and all(map(_same_line, lines, others))


def _same_line(line: str, other: str) -> bool:
    if line == other:
        return True
    try:
        numbers, others = ([Decimal(word) for word in text.split()] for text in (line, other))
        return numbers == others
    except InvalidOperation:
        return False


def _prompt(problem: CodeProblem) -> str:
    how = f"Complete this code:\n```python\n{problem.starter}\n```" if problem.starter else _SCRIPT
    return f"{problem.text}\n\n{how}\n{_END}"


def _example(problem: CodeProblem, solutions: Mapping[str, str]) -> Example:
    return Example(
        _prompt(problem),
        solutions.get(problem.id, NO_SOLUTION),
        SKILL,
        problem.id,
        source="task",
        difficulty=problem.difficulty,
    )


def _solutions(path: str | None) -> dict[str, str]:
    """Solution of a problem, by its id."""
    if path is None:
        return {}
    rows = list(read_file(Path(path).expanduser()))
    return {row.text("question_id"): str(row.value("code")) for row in rows}
