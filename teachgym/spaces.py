"""Gymnasium spaces whose elements are the words: reports and training data.

They carry structured text of any length, so they are not flattenable into arrays, and wrappers
that flatten will rightly refuse them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.records import (
    example_from_json,
    example_to_json,
    report_from_json,
    report_to_json,
)
from teachgym.types import Data, Example, Prediction, Report, Split

_LETTERS = string.ascii_lowercase + string.digits


def _random_text(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[i] for i in rng.integers(len(_LETTERS), size=rng.integers(1, 9)))


def _random_example(rng: np.random.Generator, skills: Sequence[str]) -> Example:
    skill = skills[int(rng.integers(len(skills)))]
    return Example(_random_text(rng), _random_text(rng), skill, source="teacher")


class DataSpace(gym.Space[Data]):
    """Training data: tuples of at most ``max_examples`` examples of the given skills.

    Any text is in the space; whether an example may enter training is for the gate to say.
    ``sample`` draws up to eight examples of random letters.
    """

    def __init__(
        self,
        skills: Sequence[str],
        max_examples: int,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.skills = tuple(skills)
        self.max_examples = max_examples
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: text of any length does not fit an array."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> Data:
        """Random data; masks are not supported and must be None."""
        count = self.np_random.integers(0, min(self.max_examples, 8) + 1)
        return tuple(_random_example(self.np_random, self.skills) for _ in range(count))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tuple of at most ``max_examples`` examples with known skills."""
        return (
            isinstance(x, tuple)
            and len(x) <= self.max_examples
            and all(isinstance(e, Example) and e.skill in self.skills for e in x)
        )

    def to_jsonable(self, sample_n: Iterable[Data]) -> list[Any]:
        """Plain JSON values, one per sample."""
        return [[example_to_json(e) for e in data] for data in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[Data]:
        """Inverse of ``to_jsonable``."""
        return [tuple(example_from_json(e) for e in data) for data in sample_n]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DataSpace)
            and self.skills == other.skills
            and self.max_examples == other.max_examples
        )

    def __repr__(self) -> str:
        return f"DataSpace({len(self.skills)} skills, max_examples={self.max_examples})"


class ReportSpace(gym.Space[Report]):
    """Evaluation reports of one split over the given skills.

    ``sample`` draws a report of a few random predictions.
    """

    def __init__(
        self,
        skills: Sequence[str],
        split: Split = "val",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.skills = tuple(skills)
        self.split: Split = split
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: text of any length does not fit an array."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> Report:
        """A random report; masks are not supported and must be None."""
        rng = self.np_random
        examples = [_random_example(rng, self.skills) for _ in range(rng.integers(1, 9))]
        predictions = (Prediction(e, _random_text(rng), float(rng.random())) for e in examples)
        return Report(tuple(predictions), self.split)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a report of the split whose examples have known skills."""
        return (
            isinstance(x, Report)
            and x.split == self.split
            and all(p.example.skill in self.skills for p in x.predictions)
        )

    def to_jsonable(self, sample_n: Iterable[Report]) -> list[Any]:
        """Plain JSON values, one per sample."""
        return [report_to_json(report) for report in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[Report]:
        """Inverse of ``to_jsonable``."""
        return [report_from_json(report) for report in sample_n]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ReportSpace)
            and self.skills == other.skills
            and self.split == other.split
        )

    def __repr__(self) -> str:
        return f"ReportSpace({len(self.skills)} skills, {self.split})"
