"""``human-eval``: 164 Python functions to write, each with hidden checks.

Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", arXiv 2107.03374,
section 2.2. Read is the file of the package human-eval (MIT), which is not imported. Its
checks run here in another process than the program: first with the package's own solution, to
learn what they call, then with the answers that the program gave to these calls. So a program
never meets what checks it. Answers that are no plain data are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError, missing_extra
from teachgym.sandbox import Job, Outcome
from teachgym.settings import CountFromOne, Share, checked
from teachgym.tasks.problem_splits import Problem, ProblemsTask, draw
from teachgym.tasks.program_tests import Trial
from teachgym.tasks.question_answer_files import Row, package_data, read_json_lines
from teachgym.tasks.tested_programs import TestedPrograms
from teachgym.types import Brief, Example, Skill

VERSION = "human-eval-v0"
SKILL = "functions"
BRIEF = Brief(
    domain="exercises in writing functions in Python",
    problem=(
        "The imports that are needed, then the line `def ...:` of the function with types, and a "
        "docstring that says what it returns."
    ),
    tests=(
        "At least four calls of the function with their results, one a line, such as "
        "add(2, 5) == 7: literals alone, and cases in which a wrong function gives another result."
    ),
    solution="",
    answer="The whole function, with its imports.",
)

_JUDGE = """

def _calls():
    import copy
    seen = []
    def candidate(*arguments):
        seen.append(copy.deepcopy(arguments))
        return {entry}(*arguments)
    check(candidate)
    return seen

def _judge(answers):
    left = iter(answers)
    def candidate(*arguments):
        value, fault = next(left)
        if fault:
            raise RuntimeError(fault)
        return value
    check(candidate)
    return True
"""
_BEYOND = re.compile(r"\n(?=class |def |#|if |print)")  # The paper's ends of a completion, 2.2.


@dataclass(frozen=True, slots=True)
class _Check:
    """A problem, as its judge needs it."""

    prompt: str
    entry: str
    judge: str
    """A program with the reference solution, the check and ``_JUDGE``."""

    def whole(self, program: str) -> str:
        """The program: it may be the function, or what comes after the prompt."""
        head = re.compile(rf"^def {self.entry}\b", re.MULTILINE)
        if head.search(program):  # It may use what the prompt defines before.
            return f"{head.split(self.prompt)[0]}\n{program}"
        return self.prompt + _BEYOND.split(program)[0]


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class HumanEval(ProblemsTask, TestedPrograms):
    """Python functions to complete from their head and docstring (HumanEval).

    One skill. There is one set of problems; here it is divided into what is taught from, ``val``
    and ``test``, so figures are of fewer than the paper's 164. The package's deadline is three
    seconds by the clock.

    Raises:
        ConfigError: for a file that cannot be read, an empty split, or if no sandbox holds.
        MissingExtraError: without a path, if human-eval is not installed.
    """

    levels = (0.0,)
    skills = (Skill(SKILL, None, "Write a function of Python that a docstring describes."),)
    brief = BRIEF

    path: str | None = None
    """The file ``HumanEval.jsonl.gz`` or one of its form; None = that of the package."""
    test_share: Share = 0.5
    """The share of the problems that are ``test``, in (0, 1)."""
    val_size: CountFromOne = 40
    """Validation items, >= 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = list(read_json_lines(_file(self.path)))
        self._checks = {row.text("task_id"): _check(row) for row in rows}
        problems = [
            Problem(
                row.text("task_id"),
                str(row.value("prompt")),
                str(row.value("canonical_solution")),
                SKILL,
                cell="",
            )
            for row in rows
        ]
        test = draw(problems, round(self.test_share * len(problems)), self.seed)
        rest = [problem for problem in problems if problem not in test]
        splits = self.divide(f"{VERSION}-test{len(test)}", (rest, test), self.val_size)
        self._examples = splits.examples()
        self._calls: dict[str, tuple[tuple[Any, ...], ...]] = {}

    def is_own(self, example: Example) -> bool:
        """Whether the example is one of the problems: its id alone could be anybody's."""
        check = self._checks.get(example.id)
        return check is not None and check.prompt == example.prompt

    def try_own(self, examples: Sequence[Example], programs: Sequence[str]) -> list[Trial]:
        """Run the checks on programs; the passed share is all or nothing."""
        checks = [self._checks[example.id] for example in examples]
        calls = self._calls_of([example.id for example in examples])
        answered = self.opened.run(
            [
                Job(check.whole(program), check.entry, own, limits=self.limits)
                for check, program, own in zip(checks, programs, calls, strict=True)
            ]
        )
        judged = self.opened.run(
            [
                Job(check.judge, "_judge", (([[a.value, a.fault] for a in outcome.answers],),))
                for check, outcome in zip(checks, answered, strict=True)
            ]
        )
        return list(map(_trial, answered, judged))

    def _calls_of(self, ids: Sequence[str]) -> list[tuple[tuple[Any, ...], ...]]:
        """The calls that the check of each problem makes, learnt once.

        Raises:
            ConfigError: for a problem whose own solution fails its check.
        """
        new = [name for name in dict.fromkeys(ids) if name not in self._calls]
        jobs = [Job(self._checks[name].judge, "_calls", ((),)) for name in new]
        for name, outcome in zip(new, self.opened.run(jobs), strict=True):
            if outcome.fault:
                raise ConfigError(f"{name}: its own solution fails its check: {outcome.fault}")
            self._calls[name] = tuple(outcome.answers[0].value)
        return [self._calls[name] for name in ids]


def _trial(answered: Outcome, judged: Outcome) -> Trial:
    passed = judged.answers[0].value is True
    log = "" if passed else answered.fault or judged.fault or "its check does not end well"
    return Trial(float(passed), log, answered.provider)


def _check(row: Row) -> _Check:
    prompt, entry = str(row.value("prompt")), row.text("entry_point")
    solution, test = str(row.value("canonical_solution")), str(row.value("test"))
    return _Check(prompt, entry, f"{prompt}{solution}\n{test}{_JUDGE.format(entry=entry)}")


def _file(path: str | None) -> Path:
    """The file of the problems."""
    if path is not None:
        return Path(path).expanduser()
    if (folder := package_data("human_eval")) is None:
        raise missing_extra("human-eval", "code")
    return folder / "HumanEval.jsonl.gz"
