"""Discovery methods by name, and their results as skill files."""

from __future__ import annotations

from collections.abc import Sequence

from teachgym.chat.settings import check_chat
from teachgym.errors import ConfigError
from teachgym.protocols import SkillDiscovery, Task
from teachgym.registry import Registry
from teachgym.skills.skill_file import SkillFile
from teachgym.types import Example, Skill, Split

METHODS = Registry(
    "method",
    {
        "llm": "teachgym.skills.llm_discovery:LLMDiscovery",
        "clusters": "teachgym.skills.clustering:Clusters",
        "gold": "teachgym.skills.discovery:GoldSkills",
    },
    services={"task": None, "meter": None, "chat": check_chat},
    extras={"llm": ("llm", "pydantic")},
)
"""Every way to discover skills, called as ``(**settings)``, and if it has parameters of these names
with ``task``, ``meter``, which pays for calls, and ``chat``, a chat model or its settings."""


def discover_skills(
    discovery: SkillDiscovery, task: Task, *, method: str, splits: Sequence[Split] = ("val",)
) -> SkillFile:
    """The skill file of the splits of a task; no other split is read.

    Raises:
        ConfigError: if two examples of the splits have the same id.
    """
    examples: dict[str, Example] = {}
    for split in dict.fromkeys(splits):
        for example in task.examples(split):
            if example.id in examples:
                raise ConfigError(f"two examples have the id {example.id!r}; choose one split")
            examples[example.id] = example
    skills = discovery.discover(tuple(examples.values()))
    return SkillFile(
        task=task.name,
        method=method,
        skills=skills,
        assignments={id_: discovery.assign(e) for id_, e in examples.items()},
        labels={k: v for k, v in discovery.labels.items() if k in examples},
    )


class GoldSkills(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` that reads the skills off the examples.

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
