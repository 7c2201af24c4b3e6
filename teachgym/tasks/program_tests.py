"""Tests of programs: calls with their results, as text and in the sandbox.

A test is a line such as ``f([1, 2]) == 3``: in a prompt an example, in ``Example.meta["tests"]``
what grades. The results never enter the process of the program that is graded.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.errors import ConfigError
from teachgym.sandbox import Job, Limits, Outcome, Sandbox
from teachgym.shown import in_short, shown
from teachgym.types import Example

TESTS = "tests"
"""The key of the tests in ``Example.meta``."""

_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Test:
    """A call and its result."""

    name: str
    arguments: tuple[Any, ...]
    expected: Any

    __repr__ = in_short
    __test__ = False  # It is none of pytest's.

    def __str__(self) -> str:
        """The test as a line."""
        return f"{self.name}({', '.join(map(repr, self.arguments))}) == {self.expected!r}"


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of a program's tests."""

    passed: float
    """Share of the tests that it passed, in [0, 1]."""
    log: str
    """The first test that it failed, and how; empty = none."""
    provider: str
    """Behind whose walls it ran."""

    @property
    def score(self) -> float:
        """1 if it passed all of them, else 0."""
        return float(not self.log)


def read_test(line: str) -> Test:
    """The test on a line.

    Raises:
        ConfigError: for a line of another form; nothing but literals is read.

    Example:
        >>> read_test("f([1, 2], k=None) == 3")
        Traceback (most recent call last):
        ...
        teachgym.errors.ConfigError: 'f([1, 2], k=None) == 3' is not a test; a test is a line such as f([1, 2]) == 3
    """  # noqa: E501
    try:
        match ast.parse(line.strip().removeprefix("assert "), mode="eval").body:
            case ast.Compare(
                left=ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]),
                ops=[ast.Eq()],
                comparators=[expected],
            ):
                values = tuple(map(ast.literal_eval, arguments))
                return Test(name, values, ast.literal_eval(expected))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    raise ConfigError(f"{shown(line)} is not a test; a test is a line such as f([1, 2]) == 3")


def read_tests(text: str) -> tuple[Test, ...]:
    r"""The tests among the lines of a text, ignoring other lines.

    Example:
        >>> [test.expected for test in read_tests("Add one.\nf(1) == 2\nf(5) == 6\n")]
        [2, 6]
    """
    found = []
    for line in text.splitlines():
        try:
            found.append(read_test(line))
        except ConfigError:
            continue
    return tuple(found)


def tests_of(example: Example) -> tuple[Test, ...]:
    """The tests of an example: those that its prompt shows, and its own.

    Raises:
        ConfigError: for own tests that are none.
    """
    own = example.meta.get(TESTS, ())
    lines = own if isinstance(own, Sequence) and not isinstance(own, str) else (own,)
    return (*read_tests(example.prompt), *(read_test(str(line)) for line in lines))


def read_program(response: str) -> str:
    r"""The program of an answer: its last fenced block, or all of it.

    Example:
        >>> read_program("Here it is:\n```python\nprint(1)\n```\nGood luck!")
        'print(1)\n'
    """
    blocks: list[str] = _FENCED.findall(response)
    return blocks[-1] if blocks else response


def try_programs(
    sandbox: Sandbox,
    programs: Sequence[str],
    tests: Sequence[Sequence[Test]],
    limits: Limits,
) -> list[Trial]:
    """Run each program on its tests, with one process for each program.

    Raises:
        ConfigError: for a program without tests.
    """
    if not all(tests):
        raise ConfigError("a program has no tests to be tried in; give it some")
    jobs = [
        Job(program, own[0].name, tuple(test.arguments for test in own), limits=limits)
        for program, own in zip(programs, tests, strict=True)
    ]
    return [trial(own, out) for own, out in zip(tests, sandbox.run(jobs), strict=True)]


def trial(tests: Sequence[Test], outcome: Outcome) -> Trial:
    """Grade the answers of a program."""
    failed = [
        f"{test}: {answer.fault or f'got {shown(answer.value)}'}"
        for test, answer in zip(tests, outcome.answers, strict=True)
        if answer.fault or not same(test.expected, answer.value)
    ]
    passed = 1 - len(failed) / len(tests)
    return Trial(passed, failed[0] if failed else "", outcome.provider)


def same(expected: Any, value: Any) -> bool:
    """Whether two values are equal and have equal types at every depth; 1 is not True nor 1.0.

    Example:
        >>> same([1, (2,)], [1, (2,)]), same([1], [True]), same(1, 1.0), same([1], (1,))
        (True, False, False, False)
    """
    if type(expected) is not type(value):
        return False
    if isinstance(expected, list | tuple):
        pairs = zip(expected, value, strict=False)
        return len(expected) == len(value) and all(same(one, other) for one, other in pairs)
    if isinstance(expected, Mapping):
        return expected.keys() == value.keys() and all(same(expected[k], value[k]) for k in value)
    return bool(expected == value)
