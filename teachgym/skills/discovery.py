"""Ways to discover skills by name, and from any of them to a skill file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teachgym.chat.settings import check_asking
from teachgym.errors import ConfigError
from teachgym.protocols import Meter, SkillDiscovery, Task
from teachgym.registry import Registry
from teachgym.skills.skill_file import SkillFile
from teachgym.types import Example, Skill, Split

METHODS = Registry(
    "method",
    {
        "llm": "teachgym.skills.llm_discovery:discover_by_chat",
        "clusters": "teachgym.skills.clustering:Clusters",
        "gold": "teachgym.skills.discovery:GoldSkills",
    },
    services=("task", "meter", "chat"),
    needs={"llm": ("llm", "pydantic")},
)
"""Every way to discover skills, called as ``(**settings)``, and with ``task``, ``meter`` and
``chat`` if it has parameters of these names."""


def make_discovery(
    method: Any,
    task: Task,
    *,
    meter: Meter | None = None,
    chat: Any = None,
    **settings: Any,
) -> SkillDiscovery:
    """The named way to discover skills of a task.

    Args:
        method: a name in ``METHODS``, or one of the other ways of ``teachgym.registry``.
        task: the task.
        meter: pays for calls.
        chat: settings of ``teachgym.chat.settings``, or a chat model; needed for ``llm`` alone.
        settings: of the way: the arguments of ``LLMDiscovery`` or ``Clusters``.

    Raises:
        UnknownNameError: for what names no way.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if ``llm`` lacks a package.
    """
    check_asking(METHODS, method, settings, chat)
    discovery: SkillDiscovery = METHODS.make(
        method, settings=settings, task=task, meter=meter, chat=chat
    )
    return discovery


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
