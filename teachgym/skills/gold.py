"""The skills that a task itself knows: the oracle that discovery is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from teachgym.protocols import SkillDiscovery, Task
from teachgym.types import Example, Skill


class GoldSkills(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` that reads the answer off the examples.

    The paper's oracle in table 3 of DataEnvGym (arXiv 2410.06215): human question types.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def discover(self, examples: Sequence[Example]) -> tuple[Skill, ...]:
        """The task's own skills, roots and leaves."""
        return self.task.skills

    def assign(self, example: Example) -> str:
        """The example's own skill."""
        return example.skill
