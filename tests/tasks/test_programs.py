"""Programs: every step run, items and their hidden tests, answers graded by running them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.gate import Gate, GateSettings
from teachgym.runs.config import RunConfig
from teachgym.runs.provenance import data_of
from teachgym.tasks import make_task
from teachgym.tasks.program_steps import (
    JOINT,
    PATTERNS,
    SKILLS,
    Step,
    read_sentence,
    sentence,
    source,
)
from teachgym.tasks.program_tests import Test, read_program, read_test, read_tests, same
from teachgym.tasks.program_tests import tests_of as all_tests
from teachgym.tasks.programs import MAX_CHARS, Programs, contradiction
from teachgym.tasks.task import TaskWrapper
from teachgym.testing import check_task
from teachgym.types import SPLITS, Draft, Example, leaf_skills
from tests.sandbox.walls import sandbox_or_skip
from tests.tasks.answering import answer_key, report_of

FEW = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
RESULTS: dict[str, tuple[Any, Any]] = {
    "add {k}": (5, 8),
    "subtract {k}": (5, 2),
    "multiply by {k}": (5, 15),
    "take it from 100": (30, 70),
    "square it": (5, 25),
    "divide by {k}, rounding down": (11, 3),
    "take the remainder by {k}": (11, 2),
    "round down to a multiple of {k}": (11, 9),
    "round up to a multiple of {k}": (10, 12),
    "sum its digits": (47, 11),
    "reverse its digits": (120, 21),
    "take its largest digit": (47, 7),
    "count its digits": (470, 3),
    "drop its last digit": (47, 4),
    "halve it if even, else add {k}": (7, 10),
    "double it if below {k}0": (29, 58),
    "make it {k}0 if above": (31, 30),
    "if a multiple of {k} make it 0": (9, 0),
    "1 if above {k}0, else 0": (30, 0),
    "halve until odd": (12, 3),
    "subtract {k} until below 10": (17, 8),
    "sum its digits until one is left": (99, 9),
    "sum the numbers up to it": (4, 10),
    "count its divisors": (12, 6),
    "count halvings until 0": (5, 3),
    "add {k} to each": ([1, 2], [4, 5]),
    "multiply each by {k}": ([1, 2], [3, 6]),
    "square each": ([1, 2, 3], [1, 4, 9]),
    "take each one's remainder by {k}": ([4, 6], [1, 0]),
    "take the first 2": ([4, 5, 6], [4, 5]),
    "drop the first": ([4, 5, 6], [5, 6]),
    "drop the last": ([4, 5, 6], [4, 5]),
    "take the last 2": ([4, 5, 6], [5, 6]),
    "take every second": ([4, 5, 6], [4, 6]),
    "reverse the list": ([4, 5, 6], [6, 5, 4]),
    "keep the even ones": ([4, 5, 6], [4, 6]),
    "keep the odd ones": ([4, 5, 6], [5]),
    "keep those above {k}": ([3, 4, 2], [4]),
    "keep those below {k}": ([3, 4, 2], [2]),
    "drop multiples of {k}": ([3, 4, 6], [4]),
    "sum them": ([4, 5, 6], 15),
    "count them": ([4, 5, 6], 3),
    "take the largest": ([4, 6, 5], 6),
    "take the smallest": ([5, 4, 6], 4),
    "largest minus smallest": ([5, 4, 9], 5),
    "sort": ([5, 4, 6], [4, 5, 6]),
    "sort downwards": ([5, 4, 6], [6, 5, 4]),
    "sort by last digit": ([15, 20, 3], [20, 3, 15]),
    "sort without repeats": ([5, 4, 5], [4, 5]),
    "running totals": ([1, 2, 3], [1, 3, 6]),
    "differences of neighbours": ([1, 4, 2], [3, -2]),
    "sums of neighbours": ([1, 4, 2], [5, 6]),
    "larger of neighbours": ([1, 4, 2], [4, 4]),
    "position of the largest": ([1, 4, 2], 1),
    "position of the smallest": ([3, 1, 1], 1),
    "count those above {k}": ([3, 4, 5], 2),
    "second largest": ([1, 4, 2], 2),
    "reverse the text": ("abc", "cba"),
    "every second letter": ("abcd", "ac"),
    "repeat it twice": ("ab", "abab"),
    "without the first letter": ("abc", "bc"),
    "without the last letter": ("abc", "ab"),
    "move the first letter to the end": ("abc", "bca"),
    "to capitals": ("aB", "AB"),
    "to small letters": ("aB", "ab"),
    "swap the case": ("aB", "Ab"),
    "capitalise words": ("ab CD", "Ab Cd"),
    "replace {c} by z": ("abab", "azaz"),
    "remove every {c}": ("abab", "aa"),
    "remove a and e": ("cafe", "cf"),
    "double every letter": ("ab", "aabb"),
    "sort the letters": ("cab", "abc"),
    "reverse the words' order": ("ab cd", "cd ab"),
    "reverse each word": ("ab cd", "ba dc"),
    "first letter of each word": ("ab cd", "ac"),
    "take the longest word": ("ab cde fgh", "cde"),
    "sort the words": ("cd ab", "ab cd"),
    "join the words with -": ("ab cd", "ab-cd"),
    "count {c}": ("abab", 2),
    "count its letters": ("abab", 4),
    "count its words": ("ab cd", 2),
    "count different letters": ("abab", 2),
    "length of the longest word": ("ab cde", 3),
}
"""The words of each step to an argument and what it gives, by hand, for k = 3 and c = b."""


@pytest.fixture(scope="module")
def task() -> Programs:
    sandbox_or_skip()
    return Programs(**FEW)


def asked(said: str, *tests: str, target: str = "def f(x):\n return x") -> Example:
    prompt = "\n".join([said, *tests[:2], ""])
    return Example(prompt, target, "arithmetic", meta={"tests": list(tests[2:])})


# -- the language ------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.words)
def test_every_step_does_what_its_words_say(pattern: Any) -> None:
    argument, result = RESULTS[pattern.words]
    assert same(Step(pattern, 3, "b").function(argument), result)


def test_there_are_seventeen_skills_of_several_steps_each() -> None:
    counts = {skill: sum(p.skill == skill for p in PATTERNS) for skill in SKILLS}
    assert len(counts) == 17
    assert min(counts.values()) >= 4
    assert len({p.words for p in PATTERNS}) == len(PATTERNS)


@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3), st.integers(2, 9))
def test_a_sentence_is_read_as_it_was_written(patterns: list[Any], number: int) -> None:
    steps = [Step(pattern, number, "d") for pattern in patterns]
    read = read_sentence(sentence(steps))
    assert read is not None
    assert source(read) == source(steps)


@pytest.mark.parametrize("text", ["", "add 33", "add 3, then", "sum the squares", "ADD 3"])
def test_another_sentence_is_not_read(text: str) -> None:
    assert read_sentence(text) is None


def test_a_loop_ends_with_a_return() -> None:
    steps = read_sentence(JOINT.join(["add 4", "halve until odd"]))
    assert steps is not None
    assert source(steps) == "def f(x):\n x=x+4\n while x and x%2==0:x//=2\n return x"


# -- tests as text -----------------------------------------------------------------------------


def test_a_test_is_a_call_with_literals_and_its_result() -> None:
    assert read_test(" assert add([1], 'a') == (None, -2) ") == Test("add", ([1], "a"), (None, -2))
    text = "Add.\nf(1) == 2\nnot a test\nf(2)\n"
    assert list(map(str, read_tests(text))) == ["f(1) == 2"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "f(1)",
        "f(1) != 2",
        "f(g(1)) == 2",
        "f(x=1) == 2",
        "f(1) == open('a')",
        "f(*[1]) == 1",
        "a.f(1) == 2",
        "f(1) == 2 == 3",
        "import os",
        "f(1) == " + "[" * 5000,
    ],
)
def test_nothing_else_is_read_as_a_test(line: str) -> None:
    with pytest.raises(ConfigError, match="is not a test; a test is a line such as"):
        read_test(line)


def test_a_program_is_the_last_fenced_block_or_all() -> None:
    assert read_program("x\n```py\na\n```\n```\nb\n```\ny") == "b\n"
    assert read_program("def f(x):\n return x") == "def f(x):\n return x"


# -- the task ----------------------------------------------------------------------------------


def test_it_keeps_the_contract(task: Programs) -> None:
    check_task(task, samples=2)


def test_an_oracle_is_right_everywhere_and_an_empty_answer_nowhere(task: Programs) -> None:
    assert report_of(task, answer_key(task)).accuracy == 1.0
    assert report_of(task, lambda prompt: "").accuracy == 0.0
    assert report_of(task, lambda prompt: "def f(x):\n return x").accuracy == 0.0


def test_splits_share_functions_but_no_exercise(task: Programs) -> None:
    """As the task says of itself; its letters include blanks."""
    lowest = {s: [e for e in task.examples(s) if e.difficulty == 0] for s in ("train", "test")}
    prompts, programs = (
        {split: {getattr(e, name) for e in found} for split, found in lowest.items()}
        for name in ("prompt", "target")
    )
    assert prompts["train"].isdisjoint(prompts["test"])
    assert programs["train"] & programs["test"]
    (step,) = read_sentence("count its letters") or ()
    assert step.function("bad cafe") == 8


def test_prompts_and_programs_are_short_and_printable(task: Programs) -> None:
    for split in SPLITS:
        for example in task.examples(split):
            text = example.prompt + example.target
            assert len(text) <= MAX_CHARS
            assert text.replace("\n", "").isascii()
            assert text.replace("\n", "").isprintable()


def test_the_skill_of_an_item_is_read_off_its_sentence_and_levels_are_steps(
    task: Programs,
) -> None:
    for example in task.examples("val"):
        steps = read_sentence(example.prompt.partition("\n")[0])
        assert steps is not None
        assert len(steps) == 1 + 2 * (example.difficulty or 0)
        assert task.skill_of(example.prompt) == example.skill
    assert {e.skill for e in task.examples("val")} == set(leaf_skills(task.skills))
    assert task.skill_of("Add two numbers.\n") is None


def test_a_program_without_one_of_its_steps_fails_a_test(task: Programs) -> None:
    for example in task.examples("test"):
        steps = read_sentence(example.prompt.partition("\n")[0])
        assert steps is not None
        for left_out in steps:
            value = passing = True
            for test in all_tests(example):
                try:
                    (value,) = test.arguments
                    for step in steps:
                        value = value if step is left_out else step.function(value)
                except (TypeError, ValueError, IndexError, AttributeError):
                    value = None
                passing = passing and same(value, test.expected)
            assert not passing, example.prompt


def test_the_grade_has_the_share_of_tests_that_were_passed(task: Programs) -> None:
    example = asked("x", "f(1) == 2", "f(2) == 3", "f(3) == 4", "f(4) == 0")
    grade = task.grade(example, "```\ndef f(x):\n return x + 1\n```")
    assert (grade.score, dict(grade.parts)) == (0.0, {"tests": 0.75})
    assert math.isnan(task.grade(replace(example, meta={}), "def f(x): return 1").score)


def test_made_examples_pass_the_gate_and_are_of_the_asked_skill(task: Programs) -> None:
    rng = np.random.default_rng(0)
    made = [task.make(skill, 0.5, rng) for skill in list(SKILLS)[::4] for _ in range(3)]
    assert Gate(task, GateSettings(ngram=None)).inspect(made).rejected == ()
    assert made[0] == task.make(next(iter(SKILLS)), 0.5, np.random.default_rng(0))


@pytest.mark.parametrize("named", ["jail", ["no-such-program"]])
def test_without_a_sandbox_there_is_no_task(named: Any) -> None:
    with pytest.raises(ConfigError if isinstance(named, list) else KeyError):
        Programs(sandbox=named)


def test_a_run_records_which_sandbox_its_grades_are_from(task: Programs) -> None:
    config, provider = RunConfig(env_settings={"task": "programs"}), sandbox_or_skip().provider
    assert data_of(config.to_json(), TaskWrapper(task))["sandbox"] == provider
    several = make_task("several", tasks={"code": {"task": "programs", "task_settings": FEW}})
    assert several.relies_on == {"code/sandbox": provider}


# -- what teachers write -----------------------------------------------------------------------

DRAFT = Draft(
    "Add the digits of x.",
    "```python\ndef f(x):\n    return sum(map(int, str(x)))\n```",
    tests="f(12) == 3\nf(0) == 0\nf(99) == 18\nf(100) == 1\n",
)


def test_a_draft_carries_its_own_tests_of_which_two_are_shown(task: Programs) -> None:
    example = task.compose(DRAFT, "digits", 0.0)
    assert example.prompt == "Add the digits of x.\nf(12) == 3\nf(0) == 0\n"
    assert example.meta["tests"] == ("f(99) == 18", "f(100) == 1")
    assert task.verify(example) == 1.0
    assert task.diagnose(example) == ""


def test_a_wrong_program_or_test_is_found_by_running(task: Programs) -> None:
    wrong = task.compose(replace(DRAFT, tests=DRAFT.tests + "f(7) == 8"), "digits", 0.0)
    assert task.verify(wrong) == 0.0
    assert task.diagnose(wrong) == "f(7) == 8: got 7"
    late = task.compose(replace(DRAFT, answer="def f(x):\n return y"), "digits", 0.0)
    assert "NameError: name 'y' is not defined" in task.diagnose(late)


def test_tests_and_program_that_agree_on_a_wrong_reading_are_found_by_the_sentence(
    task: Programs,
) -> None:
    tests = [f"f({n}) == {n + 4}" for n in range(4)]
    example = asked("add 3", *tests, target="def f(x):\n return x + 4")
    assert task.grade(example, example.target).score == 1.0
    assert task.verify(example) == 0.0
    assert contradiction(example) == task.diagnose(example) == "f(0) == 4: the sentence says 3"


def test_a_teachers_example_without_tests_is_not_trained_on(task: Programs) -> None:
    example = asked("Add one.", "f(1) == 2", "f(2) == 3", target="def f(x):\n return x + 1")
    assert math.isnan(task.verify(example))
    (verdict,) = Gate(task).inspect([example]).rejected
    assert verdict.reason == "answer"
    for tests in ("f(1)", ["f(1)"], [None], 3):
        assert math.isnan(task.verify(replace(example, meta={"tests": tests}))), tests


@pytest.mark.parametrize(
    "draft",
    [replace(DRAFT, tests="f(1) == 1"), replace(DRAFT, answer=" "), replace(DRAFT, problem="")],
)
def test_a_draft_that_lacks_something_is_no_example(task: Programs, draft: Draft) -> None:
    with pytest.raises(ConfigError, match="a draft needs a problem, a program and 4 tests"):
        task.compose(draft, "digits", 0.0)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(list(SKILLS)), st.sampled_from([0.0, 0.5, 1.0]))
def test_every_reference_solution_passes_its_tests(seed: int, skill: str, level: float) -> None:
    sandbox_or_skip()
    task = Programs()
    example = task.make(skill, level, np.random.default_rng(seed))
    space: dict[str, Any] = {}
    exec(example.target, space)
    for test in all_tests(example):
        assert same(space["f"](*test.arguments), test.expected)
    assert contradiction(example) == ""
