"""``arithmetic-and-strings``: 32 exact skills on letters and digits, three levels each.

One worked example, skill ``rotl`` at level 0: prompt ``rotl abcd=``, target ``bcda``. Everything
is made from a seed, nothing is downloaded, and there is always one right answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from teachgym.errors import UnknownSkillError, unknown
from teachgym.metrics import nearest_level
from teachgym.settings import ItemsPerCell, Seed, checked
from teachgym.tasks.primitives import LEVELS, PRIMITIVES, ROOTS, Primitive
from teachgym.tasks.procedural import (
    Numbers,
    draw_distinct,
    draw_in_split,
    item_rng,
    many_numbers_of,
    numbers_of,
)
from teachgym.tasks.task import Task
from teachgym.types import Example, Skill, Split

_BY_NAME = {p.name: p for p in PRIMITIVES}


def solve(prompt: str) -> str | None:
    """The right answer to ``SKILL question=``; None for what cannot be read as a question.

    Example:
        >>> solve("rotl abcd=")
        'bcda'
    """
    name, _, rest = prompt.partition(" ")
    if name not in _BY_NAME or not rest.endswith("="):
        return None
    try:
        return _BY_NAME[name].answer(rest[:-1])
    except (ValueError, IndexError):  # What answers raise on a text that is not of their form.
        return None


class ArithmeticAndStrings(Task):
    """Copy, pick, order, shift, move and combine letters and digits; calculate.

    Skills are grouped under seven roots, some undo each other, some are composed of others, and
    two (``mul``, ``sum97``) are there to be beyond a small student's reach. See ``primitives``.

    Args:
        seed: chooses the items of each split, >= 0; the splits are disjoint for any two seeds.
        val_per_cell: validation items per skill and level, >= 1.
        test_per_cell: test items per skill and level, >= 1.
        train_per_cell: items per skill and level of the training pool, >= 1.
    """

    name = "arithmetic-and-strings-v0"
    skills = (
        *(Skill(root, None, description) for root, description in ROOTS.items()),
        *(Skill(p.name, p.root, p.description) for p in PRIMITIVES),
    )
    levels: tuple[float, ...] = tuple(i / (LEVELS - 1) for i in range(LEVELS))

    @checked
    def __init__(
        self,
        seed: Seed = 0,
        *,
        val_per_cell: ItemsPerCell = 10,
        test_per_cell: ItemsPerCell = 25,
        train_per_cell: ItemsPerCell = 50,
    ) -> None:
        self.seed = seed
        self._per_cell: dict[Split, int] = {
            "train": train_per_cell,
            "val": val_per_cell,
            "test": test_per_cell,
        }
        self._examples: dict[Split, tuple[Example, ...]] = {}

    def examples(self, split: Split) -> Sequence[Example]:
        """All examples of a split, by skill and then by level; made on first use."""
        if split not in self._examples:
            found: dict[str, Example] = {}
            for p in PRIMITIVES:
                for level in range(LEVELS):
                    found |= {e.prompt: e for e in self._cell(p, level, split, taken=found)}
            self._examples[split] = tuple(found.values())
        return self._examples[split]

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """One training example."""
        if skill not in _BY_NAME:
            raise UnknownSkillError(unknown("leaf skill", skill, _BY_NAME))
        if difficulty is None:
            level = int(rng.integers(LEVELS))
        else:
            level = nearest_level(self.levels, difficulty)
        primitive, numbers = _BY_NAME[skill], numbers_of(rng)
        prompt = draw_in_split(lambda: _prompt(primitive, level, numbers), "train", identity=str)
        return self._example(primitive, level, prompt)

    def grade(self, example: Example, response: str) -> float:
        """1 if the response is the target, surrounding white space aside, else 0."""
        return float(response.strip() == example.target)

    def verify(self, example: Example) -> float:
        """1 if the target is the answer to the prompt, else 0; 0 too if that is no question."""
        return float(solve(example.prompt) == example.target)

    def skill_of(self, prompt: str) -> str | None:
        """The leaf skill of ``SKILL question=``; None for a prompt of another form."""
        name = prompt.partition(" ")[0]
        return name if name in _BY_NAME else None

    def _cell(
        self, p: Primitive, level: int, split: Split, *, taken: Collection[str]
    ) -> list[Example]:
        """Items of a cell, except ``taken`` ones: neighbouring levels share lengths."""
        numbers = many_numbers_of(item_rng(self.seed, split, PRIMITIVES.index(p), level))
        prompts = draw_distinct(
            lambda: _prompt(p, level, numbers),
            split,
            self._per_cell[split],
            taken=taken,
            identity=str,
        )
        return [
            self._example(p, level, prompt, f"{split}/{p.name}/{level}/{i}")
            for i, prompt in enumerate(prompts)
        ]

    def _example(self, p: Primitive, level: int, prompt: str, item: str = "") -> Example:
        """The example with that prompt; ``item`` is the id of an item of a split."""
        return Example(
            prompt,
            p.answer(prompt[len(p.name) + 1 : -1]),
            p.name,
            item,
            source="task" if item else "teacher",
            difficulty=self.levels[level],
        )


def _prompt(p: Primitive, level: int, numbers: Numbers) -> str:
    return f"{p.name} {p.question(numbers, level)}="
