"""Exercises of procedural tasks as a scripted writer gives them, some with errors.

Problems depend on the question and the draw alone, and not on how many answers are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np

from teachgym.engines.orders import leaves_under
from teachgym.protocols import Task
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings, solve
from teachgym.tasks.program_tests import TESTS
from teachgym.tasks.programs import Programs
from teachgym.tasks.shapes import Shapes
from teachgym.tasks.tool_plans import ToolPlans
from teachgym.tasks.word_problems import WordProblems
from teachgym.types import Example

Items = list[dict[str, Any]]
"""The content of a reply: here, problems with their answers, or an answer alone."""


_ANY = ""  # In the place of a skill.


@dataclass(frozen=True)
class Subject:
    """A task whose exercises can be written here."""

    task: Callable[[], Task]
    """Makes it, anew for each use: one that stayed would hold held-out items where any can look."""
    item: Callable[[Example, str], dict[str, str]]
    """An exercise as chat models hand it in: problem, answer, what else the task asks for. It is
    told the exercise and its problem, which begins with what a picture shows, if there is one."""
    solve: Callable[[str], str | None] = lambda problem: None
    """The answer to a problem; None where there is none, or nobody can tell."""


def _worked(example: Example, problem: str) -> dict[str, str]:
    solution, _, answer = example.target.rpartition("\n#### ")
    return {"problem": problem, "solution": solution, "answer": answer}


def _tested(example: Example, problem: str) -> dict[str, str]:
    said, *shown = problem.splitlines()
    tests = "\n".join([*shown, *example.meta[TESTS]])
    return {"problem": said, "tests": tests, "answer": example.target}


def _plain(example: Example, problem: str) -> dict[str, str]:
    return {"problem": problem, "answer": example.target}


ARITHMETIC_AND_STRINGS = Subject(ArithmeticAndStrings, _plain, solve)
WORD_PROBLEMS = Subject(WordProblems, _worked)
PROGRAMS = Subject(Programs, _tested)
TOOL_PLANS = Subject(ToolPlans, _plain)
SHAPES = Subject(Shapes, _plain)


def write_items(
    subject: Subject,
    count: int,
    skill: str,
    difficulty: float | None,
    *,
    question: str,
    draw: int,
    wrong: float,
) -> Items:
    """``count`` exercises, none of which the question shows; of a root skill, of all its leaves.

    Args:
        subject: the task.
        count: >= 0; fewer are written where no other ones can be found.
        skill: leaf or root.
        difficulty: in [0, 1]; None = any.
        question: what is asked, from which all chance comes, together with ``draw``.
        draw: another one gives other exercises.
        wrong: the chance that an answer is wrong, in [0, 1].
    """
    rng, slips = generator(question, draw), generator(f"slips {question}", draw)
    items: dict[str, dict[str, str]] = {}
    task, leaves = subject.task(), _leaves(subject)[skill]
    for _ in range(20 * count):
        example = task.make(leaves[rng.integers(len(leaves))], difficulty, rng)
        problem = f"{task.describe(example)}\n{example.prompt}".strip()
        if problem not in question:
            answer = slip(task, example, slips) if slips.random() < wrong else example.target
            items[problem] = subject.item(replace(example, target=answer), problem)
        if len(items) == count:
            break
    return list(items.values())


def solve_item(subject: Subject, problem: str, *, question: str, draw: int, wrong: float) -> Items:
    """The answer to a problem, wrong with chance ``wrong``; none to what is no problem."""
    target = subject.solve(problem)
    if target is None:
        return []
    slips = generator(f"slips {question}", draw)
    skill = problem.partition(" ")[0]
    example = Example(problem, target, skill, difficulty=level_of(subject, skill, problem))
    task = subject.task()
    return [{"answer": slip(task, example, slips) if slips.random() < wrong else target}]


def slip(task: Task, example: Example, rng: np.random.Generator) -> str:
    """A wrong answer of the right form: that to another exercise of the skill and the level."""
    while (other := task.make(example.skill, example.difficulty, rng)).target == example.target:
        pass
    return other.target


def level_of(subject: Subject, skill: str, problem: str) -> float:
    """The level, in [0, 1], whose training problems are nearest to this one in mean length.

    Those of the skill, or of all skills where the subject has none of that name.
    """
    known = _mean_lengths(subject)
    lengths = known.get(skill, known[_ANY])
    return min(lengths, key=lambda level: abs(lengths[level] - len(problem)))


def generator(text: str, draw: int) -> np.random.Generator:
    """A random stream of its own for a text and a draw."""
    digest = sha256(f"{draw} {text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@cache
def _mean_lengths(subject: Subject) -> Mapping[str, Mapping[float, float]]:
    """Characters of a training problem, by skill and level; of all skills together, too."""
    lengths: dict[str, dict[float, list[int]]] = {}
    task = subject.task()
    for example in task.examples("train"):
        for skill in (example.skill, _ANY):
            levels = lengths.setdefault(skill, {level: [] for level in task.levels})
            if example.difficulty is not None:
                levels[example.difficulty].append(len(example.prompt))
    return {
        skill: {level: float(np.mean(found)) for level, found in levels.items()}
        for skill, levels in lengths.items()
    }


@cache
def _leaves(subject: Subject) -> Mapping[str, tuple[str, ...]]:
    return leaves_under(subject.task().skills)
