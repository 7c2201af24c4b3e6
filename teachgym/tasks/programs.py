"""``programs``: Python functions, described in a sentence and examples, graded by running.

One worked example, skill ``reduce`` at level 0.5: to ::

    keep those above 3, then sum them
    f([2, 5, 4]) == 9
    f([9, 1]) == 9

a right answer is ::

    def f(x):
     x=[n for n in x if n>3]
     return sum(x)

and so is any other function ``f`` that passes these and the hidden tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from teachgym.errors import ConfigError
from teachgym.settings import checked
from teachgym.tasks.cells import CellTask, Source
from teachgym.tasks.procedural import MAX_DRAWS, Numbers
from teachgym.tasks.program_steps import (
    LETTERS,
    NUMBERS,
    PATTERNS,
    ROOTS,
    SKILLS,
    Function,
    Pattern,
    Step,
    Type,
    read_sentence,
    sentence,
    skill_of,
)
from teachgym.tasks.program_steps import source as reference
from teachgym.tasks.program_tests import TESTS, Test, same, tests_of
from teachgym.tasks.tested_programs import SHOWN, TestedPrograms, prompt_of, self_tested
from teachgym.types import Brief, Example, Skill

LEVELS = 3
"""As many as steps that a program can have."""
MAX_CHARS = 220
"""The most characters of prompt and reference solution together, so that a small student can hold
both."""

_HIDDEN = 10
_SHORT, _LONG = 3, 8  # Numbers at most in a list that is shown or hidden; twice the words.
_LARGEST = 999  # Of whole numbers on the way, so that they stay short.
_WORDS = ("bad", "cafe", "deaf", "edge", "fab", "ace", "bee", "dad", "Abe", "Eda", "FAD", "Cab")

BRIEF = Brief(
    domain="exercises in writing a function f of one argument x in Python",
    problem=(
        "What f does to x, in one plain sentence without the code. x and the result are whole "
        "numbers, texts, truth values, or lists of these."
    ),
    tests=(
        "At least four calls with their results, one a line, such as f([2, 5]) == 5: literals "
        "alone, and cases in which a wrong function gives another result."
    ),
    solution="",
    answer="The function, in plain Python without imports, and nothing else.",
)

# Of the digits of a negative number, an empty list, and an argument of another type.
_NO_RESULT = (ValueError, IndexError, TypeError, AttributeError)

Drawn = tuple[tuple[Step, ...], tuple[Test, ...]]


@checked
@dataclass(eq=False, repr=False)
class Programs(TestedPrograms, CellTask[Drawn]):
    """Python functions that a sentence and two examples ask for, graded by hidden tests.

    17 skills on numbers, lists and texts, which build on each other: at level 0 a program is one
    step of its skill, at 0.5 two steps, at 1 three, the others of the same skill or of those
    before it. See ``program_steps``.

    Splits share no exercise, which is a sentence with its two examples, but they share functions:
    at level 0 there are few sentences, and one with other examples is another exercise. By default
    train has the sentence of 397 of 425 test items at level 0, of 111 at 0.5 and of 24 at 1. So
    the lowest level measures whether functions of train are known, and the highest whether new
    ones are put together of known steps.

    The *letters* of a text are all of its characters, blanks among them: ``count its letters`` of
    ``bad cafe`` is 8. Where the two examples have no blank, they do not tell.

    Raises:
        ConfigError: if no sandbox holds.
    """

    name = "programs-v0"
    skills = (
        *(Skill(root, None, description) for root, description in ROOTS.items()),
        *(Skill(leaf, root, description) for leaf, (root, description) in SKILLS.items()),
    )
    levels = tuple(i / (LEVELS - 1) for i in range(LEVELS))
    brief = BRIEF

    def __post_init__(self) -> None:
        TestedPrograms.__post_init__(self)
        CellTask.__post_init__(self)

    def draw(self, skill: str, level: int, numbers: Numbers) -> Drawn:
        """Draw steps with their tests: first those that are shown, then the hidden ones."""
        for _ in range(MAX_DRAWS):
            steps = _steps(skill, level + 1, numbers)
            tests = _tests(steps, numbers)
            size = len(prompt_of(sentence(steps), tests)) + len(reference(steps))
            if tests and size <= MAX_CHARS:
                return steps, tests
        raise ConfigError(f"{MAX_DRAWS} draws of {skill} at {self.levels[level]} gave no program")

    def identity(self, drawn: Drawn) -> str:
        """The prompt."""
        steps, tests = drawn
        return prompt_of(sentence(steps), tests)

    def write(
        self, skill: str, drawn: Drawn, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The example that asks for these steps."""
        steps, tests = drawn
        return Example(
            self.identity(drawn),
            reference(steps),
            skill,
            id,
            source=source,
            difficulty=difficulty,
            meta={TESTS: [str(test) for test in tests[SHOWN:]]},
        )

    def verify(self, example: Example) -> float:
        """1 if the target passes the example's tests and none of them contradicts its sentence.

        nan if it has no tests of its own. A sentence that is not of the task's language is taken
        at its tests. The reference solution of one that is need not be run again.
        """
        if contradiction(example):
            return 0.0
        if _is_reference(example):
            return 1.0
        return self.grade(example, example.target).score

    def diagnose(self, example: Example) -> str:
        """The first test that the target fails or that contradicts the sentence."""
        return contradiction(example) or super().diagnose(example)

    def skill_of(self, prompt: str) -> str | None:
        """The leaf skill of a sentence of the task's language; None for any other."""
        steps = _steps_in(prompt)
        return skill_of(steps) if steps else None


def skills_in(example: Example) -> frozenset[str]:
    """The skills of all steps of an example, its own among them; none for a foreign sentence."""
    return frozenset(step.pattern.skill for step in _steps_in(example.prompt) or ())


def contradiction(example: Example) -> str:
    """The first test that contradicts the example's sentence; empty if none is known to."""
    steps = _steps_in(example.prompt)
    for test in tests_of(example) if steps and self_tested(example) else ():
        assert steps is not None
        try:
            right = _done([step.function for step in steps], *test.arguments)
        except _NO_RESULT:
            continue
        if not same(right, test.expected):
            return f"{test}: the sentence says {right!r}"
    return ""


def _is_reference(example: Example) -> bool:
    """Whether the target is the text that was made of the sentence, and the tests were too."""
    steps = _steps_in(example.prompt)
    if steps is None or example.target != reference(steps) or not self_tested(example):
        return False
    functions = [step.function for step in steps]
    return all(test.name == "f" and _passes(functions, test) for test in tests_of(example))


def _steps_in(prompt: str) -> tuple[Step, ...] | None:
    return read_sentence(prompt.partition("\n")[0])


def _steps(skill: str, count: int, numbers: Numbers) -> tuple[Step, ...]:
    """So many steps that fit each other, one of the skill and the others of it or those before."""
    known = list(SKILLS)[: list(SKILLS).index(skill) + 1]
    usable = [pattern for pattern in PATTERNS if pattern.skill in known]

    def pick(options: Sequence[Pattern]) -> Pattern:
        return options[numbers(len(options), 1)[0]]

    def fitting(takes: Type | None, gives: Type | None) -> Pattern:
        fits = [p for p in usable if p.takes == (takes or p.takes)]
        return pick([p for p in fits if p.gives == (gives or p.gives) and p not in chain])

    chain = [pick([pattern for pattern in usable if pattern.skill == skill])]
    for _ in range(numbers(count, 1)[0]):
        chain.insert(0, fitting(None, chain[0].takes))
    while len(chain) < count:
        chain.append(fitting(chain[-1].gives, None))
    return tuple(
        Step(
            pattern,
            NUMBERS[numbers(len(NUMBERS), 1)[0]],
            LETTERS[numbers(len(LETTERS), 1)[0]],
        )
        for pattern in chain
    )


def _tests(steps: Sequence[Step], numbers: Numbers) -> tuple[Test, ...]:
    """Tests with different arguments; none if there are too few, or they tell too little."""
    functions = [step.function for step in steps]
    found: dict[str, Test] = {}
    for _ in range(3 * (SHOWN + _HIDDEN)):
        most = _SHORT if len(found) < SHOWN else _LONG
        argument = _argument(steps[0].pattern.takes, most, numbers)
        try:
            test = Test("f", (argument,), _done(functions, argument))
        except _NO_RESULT:
            continue
        found.setdefault(repr(argument), test)
        if len(found) == SHOWN + _HIDDEN:
            tests = tuple(found.values())
            return tests if _tell_apart(steps, tests) else ()
    return ()


def _tell_apart(steps: Sequence[Step], tests: Sequence[Test]) -> bool:
    """Whether the tests fail one result for all, and each program that is nearly the same.

    Those lack a step, or have a number that is one more or one less.
    """
    if len({repr(test.expected) for test in tests}) == 1:
        return False
    functions = [step.function for step in steps]
    near: list[Sequence[Function]] = []
    for i, step in enumerate(steps):
        others = [replace(step, number=step.number + more) for more in (-1, 1)]
        instead = [[other.function] for other in others if other.words != step.words]
        near += [[*functions[:i], *middle, *functions[i + 1 :]] for middle in ([], *instead)]
    return all(any(not _passes(program, test) for test in tests) for program in near)


def _passes(functions: Sequence[Function], test: Test) -> bool:
    try:
        return same(_done(functions, *test.arguments), test.expected)
    except _NO_RESULT:
        return False


def _argument(kind: Type, most: int, numbers: Numbers) -> Any:
    if kind == "number":
        return numbers(100, 1)[0]
    if kind == "numbers":
        return numbers(20, 2 + numbers(most - 1, 1)[0])
    return " ".join(_WORDS[i] for i in numbers(len(_WORDS), 1 + numbers(most // 2 + 1, 1)[0]))


def _done(functions: Sequence[Function], value: Any) -> Any:
    """The result of the steps that these functions do.

    Raises:
        ValueError, IndexError, TypeError, AttributeError: where they give none (``_NO_RESULT``).
    """
    for function in functions:
        value = function(value)
        if type(value) is int and not -_LARGEST <= value <= _LARGEST:
            raise ValueError(f"{value} is beyond {_LARGEST}")
    return value
