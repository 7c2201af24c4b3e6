"""``TestedPrograms``: a task whose answers are programs, graded by running them in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

from teachgym.errors import ConfigError
from teachgym.sandbox import Limits, Sandbox, open_sandbox
from teachgym.settings import Seconds, checked
from teachgym.tasks.program_tests import (
    TESTS,
    Test,
    Trial,
    read_program,
    read_tests,
    tests_of,
    try_programs,
)
from teachgym.tasks.task import Task
from teachgym.types import Draft, Example, Grade

FEWEST_TESTS = 4
"""Tests that a teacher's example has at least, those that are shown included."""
SHOWN = 2
"""Tests that a prompt of a teacher's example shows."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class TestedPrograms(Task):
    """A task whose answers are programs.

    Examples carry their tests (``Example.meta["tests"]``); a derived class may have others for
    its own items, ``try_own``.

    Raises:
        ConfigError: if no sandbox holds.
    """

    sandbox: Any = "auto"
    """The place where programs run: ``auto``, a provider, or the words of a container's command;
    see ``teachgym.sandbox.open_sandbox``."""
    deadline: Seconds = 3.0
    """Seconds of processor time for a program in all of its tests, > 0."""

    __test__ = False  # It is none of pytest's.

    def __post_init__(self) -> None:
        self.relies_on = {"sandbox": self.opened.provider}

    @property
    def limits(self) -> Limits:
        """The limits of a program."""
        return Limits(seconds=self.deadline)

    @property
    def opened(self) -> Sandbox:
        """The sandbox of this process, in which programs run."""
        return open_sandbox(self.sandbox)

    def try_own(self, examples: Sequence[Example], programs: Sequence[str]) -> Sequence[Trial]:
        """The trials of programs for items of the task; by default with the items' own tests."""
        return try_programs(self.opened, programs, list(map(tests_of, examples)), self.limits)

    def is_own(self, example: Example) -> bool:
        """Whether ``try_own`` can try programs for the example; by default, if it has tests."""
        return self_tested(example)

    def grade(self, example: Example, response: str) -> Grade:
        """The grade: 1 for a program that passes all tests, with the share that it passes.

        nan where there are no tests.
        """
        return self.grade_all([example], [response])[0]

    def grade_all(self, examples: Sequence[Example], responses: Sequence[str]) -> list[Grade]:
        """The grade that ``grade`` gives to each response, in as many processes as there are."""
        trials = self.trials(examples, responses)
        return [Grade(t.score, {"tests": t.passed}) if t else Grade(nan) for t in trials]

    def diagnose(self, example: Example) -> str:
        """The first test that the target fails."""
        (trial,) = self.trials([example], [example.target])
        return trial.log if trial else "it has no tests of its own"

    def trials(self, examples: Sequence[Example], responses: Sequence[str]) -> list[Trial | None]:
        """The trial of each response; None without tests."""
        programs = [read_program(response) for response in responses]
        own = [i for i, e in enumerate(examples) if self.is_own(e)]
        others = [i for i, e in enumerate(examples) if not self.is_own(e) and self_tested(e)]
        tried = self.try_own([examples[i] for i in own], [programs[i] for i in own])
        tests = [tests_of(examples[i]) for i in others]
        rest = try_programs(self.opened, [programs[i] for i in others], tests, self.limits)
        found = dict(zip((*own, *others), (*tried, *rest), strict=True))
        return [found.get(i) for i in range(len(examples))]

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example of a draft; its prompt shows the first tests.

        Raises:
            ConfigError: for a draft with too few tests, or without a sentence or a program.
        """
        tests = read_tests(draft.tests)
        lines = draft.problem.strip().splitlines()
        said = "\n".join(line for line in lines if not read_tests(line)).strip()
        program = read_program(draft.answer).strip()
        if not said or not program or len(tests) < FEWEST_TESTS:
            raise ConfigError(
                f"a draft needs a problem, a program and {FEWEST_TESTS} tests, got "
                f"{draft.problem!r:.80}, {draft.answer!r:.80} and {len(tests)} tests"
            )
        rejected = read_program(draft.rejected).strip()
        plain = replace(draft, problem=prompt_of(said, tests), answer=program, rejected=rejected)
        meta = {TESTS: [str(test) for test in tests[SHOWN:]]}
        return replace(super().compose(plain, skill, difficulty), meta=meta)


def prompt_of(said: str, tests: Sequence[Test]) -> str:
    """The prompt: the problem and the first tests."""
    return "\n".join([said, *map(str, tests[:SHOWN]), ""])


def self_tested(example: Example) -> bool:
    """Whether the example has hidden tests and all its tests can be read."""
    try:
        return bool(example.meta.get(TESTS)) and bool(tests_of(example))
    except ConfigError:
        return False
