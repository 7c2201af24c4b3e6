"""``ToyTask``: a procedural task small enough to read at a glance.

One worked example: the prompt ``reverse: abcd`` of skill ``reverse``, level 1.0, has the target
``dcba``.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from teachgym.errors import UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.tasks.procedural import draw_distinct, draw_in_split, item_rng, pick
from teachgym.tasks.task import ListedTask
from teachgym.types import Example, Skill, Split

_RULES: dict[str, Callable[[str], str]] = {
    "copy": lambda text: text,
    "reverse": lambda text: text[::-1],
    "next": lambda text: str(int(text) + 1),
    "double": lambda text: str(int(text) * 2),
}
_ALPHABETS = {
    "copy": string.ascii_lowercase,
    "reverse": string.ascii_lowercase,
    "next": "123456789",
    "double": "123456789",
}
_LENGTHS = (3, 4)
"""Letters or digits of a question, per level."""

SKILLS = (
    Skill("words", description="Work on a word."),
    Skill("copy", "words", "Say the word."),
    Skill("reverse", "words", "Say the word backwards."),
    Skill("numbers", description="Work on a number."),
    Skill("next", "numbers", "Add one."),
    Skill("double", "numbers", "Multiply by two."),
)


def split_prompt(prompt: str) -> tuple[str, str]:
    """Skill and question of a prompt; an empty skill if it is not one of ``ToyTask``'s."""
    skill, _, question = prompt.partition(": ")
    return (skill, question) if skill in _RULES else ("", prompt)


def solve(prompt: str) -> str:
    """The right answer to a prompt of ``ToyTask``."""
    skill, question = split_prompt(prompt)
    return _RULES[skill](question)


class ToyTask(ListedTask):
    """Four leaf skills under two roots, two levels; splits with ``per_cell`` examples of each.

    Level 0.0 asks about three characters, level 1.0 about four. The training pool is four times
    as large as the other splits.
    """

    name = "toy-v0"
    skills = SKILLS
    levels = (0.0, 1.0)

    def __init__(self, *, per_cell: int = 5, seed: int = 0) -> None:
        counts: dict[Split, int] = {"train": 4 * per_cell, "val": per_cell, "test": per_cell}
        self._examples = {split: self._fill(split, n, seed) for split, n in counts.items()}

    def grade(self, example: Example, response: str) -> float:
        """1 for exactly the target, else 0."""
        return float(response == example.target)

    def verify(self, example: Example) -> float:
        """1 if the target is the answer to the prompt, else 0; 0 too if that is no question."""
        try:
            return float(solve(example.prompt) == example.target)
        except (KeyError, ValueError):  # No skill, or letters where numbers are asked for.
            return 0.0

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """A training example."""
        if skill not in _RULES:
            raise UnknownSkillError(unknown("leaf skill", skill, _RULES))
        if difficulty is None:
            level = int(rng.integers(len(self.levels)))
        else:
            level = nearest_level(self.levels, difficulty)
        return draw_in_split(lambda: self._draw(skill, level, rng), "train")

    def _fill(self, split: Split, per_cell: int, seed: int) -> tuple[Example, ...]:
        rng = item_rng(seed, split)
        examples = (
            e
            for skill in _RULES
            for level in range(len(self.levels))
            for e in draw_distinct(partial(self._draw, skill, level, rng), split, per_cell)
        )
        return tuple(replace(e, id=f"{split}/{i}", source="task") for i, e in enumerate(examples))

    def _draw(self, skill: str, level: int, rng: np.random.Generator) -> Example:
        alphabet = _ALPHABETS[skill]
        question = "".join(pick(alphabet, rng) for _ in range(_LENGTHS[level]))
        prompt = f"{skill}: {question}"
        return Example(prompt, solve(prompt), skill, difficulty=self.levels[level])
