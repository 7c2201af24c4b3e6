"""Skills that no student can learn."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.protocols import Student
from teachgym.types import Data


@dataclass(frozen=True)
class DropSkills:
    """The data without the examples of ``skills``; see ``altered_data.Alteration``.

    A skill can still rise by what it has in common with other skills that are taught.
    """

    skills: frozenset[str]

    def __call__(self, student: Student, data: Data) -> Data:
        """The remaining examples, in order."""
        return tuple(example for example in data if example.skill not in self.skills)
