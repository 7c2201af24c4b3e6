"""Exercises of ``arithmetic-and-strings`` as a scripted writer gives them, some with errors.

Problems depend on the question and the draw alone, and not on how many answers are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np

from teachgym.engines.orders import leaves_under
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings, solve
from teachgym.types import Example

Items = list[dict[str, Any]]
"""What a reply holds: here, problems with their answers, or an answer alone."""


def write_items(
    count: int, skill: str, difficulty: float | None, *, question: str, draw: int, wrong: float
) -> Items:
    """``count`` exercises, none of which the question shows; of a root skill, of all its leaves.

    Args:
        count: >= 0; fewer are written where no other ones can be found.
        skill: leaf or root.
        difficulty: in [0, 1]; None = any.
        question: what is asked, from which all chance comes, together with ``draw``.
        draw: another one gives other exercises.
        wrong: the chance that an answer is wrong, in [0, 1].
    """
    rng, slips = generator(question, draw), generator(f"slips {question}", draw)
    items: dict[str, dict[str, str]] = {}
    leaves = _leaves()[skill]
    for _ in range(20 * count):
        example = task().make(leaves[rng.integers(len(leaves))], difficulty, rng)
        if example.prompt not in question:
            answer = slip(example, slips) if slips.random() < wrong else example.target
            items[example.prompt] = {"problem": example.prompt, "answer": answer}
        if len(items) == count:
            break
    return list(items.values())


def solve_item(problem: str, *, question: str, draw: int, wrong: float) -> Items:
    """The answer to a problem, wrong with chance ``wrong``; none to what is no problem."""
    target = solve(problem)
    if target is None:
        return []
    slips = generator(f"slips {question}", draw)
    skill = problem.partition(" ")[0]
    example = Example(problem, target, skill, difficulty=level_of(skill, problem))
    return [{"answer": slip(example, slips) if slips.random() < wrong else target}]


def slip(example: Example, rng: np.random.Generator) -> str:
    """A wrong answer of the right form: that to another exercise of the skill and the level."""
    while (other := task().make(example.skill, example.difficulty, rng)).target == example.target:
        pass
    return other.target


def level_of(skill: str, problem: str) -> float:
    """The level, in [0, 1], whose training problems are nearest to this one in mean length."""
    lengths = _mean_lengths()[skill]
    return min(lengths, key=lambda level: abs(lengths[level] - len(problem)))


def generator(text: str, draw: int) -> np.random.Generator:
    """A random stream of its own for a text and a draw."""
    digest = sha256(f"{draw} {text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@cache
def _mean_lengths() -> Mapping[str, Mapping[float, float]]:
    """Characters of a training problem, by skill and level."""
    lengths: dict[str, dict[float, list[int]]] = {}
    for example in task().examples("train"):
        levels = lengths.setdefault(example.skill, {level: [] for level in task().levels})
        if example.difficulty is not None:
            levels[example.difficulty].append(len(example.prompt))
    return {
        skill: {level: float(np.mean(found)) for level, found in levels.items()}
        for skill, levels in lengths.items()
    }


@cache
def _leaves() -> Mapping[str, tuple[str, ...]]:
    return leaves_under(task().skills)


def task() -> ArithmeticAndStrings:
    """The task whose exercises can be written here.

    Made anew for each use: one that stayed would hold held-out items where teachers find it.
    """
    return ArithmeticAndStrings()
