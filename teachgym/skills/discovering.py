"""Ways to discover skills by name, and from any of them to a skill file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teachgym.errors import ConfigError, UnknownNameError, missing_extra, unknown
from teachgym.protocols import Purse, SkillDiscovery, Task
from teachgym.skills.clustering import Clusters
from teachgym.skills.gold import GoldSkills
from teachgym.skills.skill_file import SkillFile
from teachgym.syllabus import PLAIN
from teachgym.typed import build
from teachgym.types import Example, Split

METHODS = {
    "llm": "A chat model labels the examples and groups the labels.",
    "clusters": "Examples with similar texts; no language model.",
    "gold": "The skills that the task itself knows.",
}
"""Name of a way to what it is."""


def make_discovery(
    method: str,
    task: Task,
    *,
    purse: Purse | None = None,
    chat: Any = None,
    **settings: Any,
) -> SkillDiscovery:
    """The named way to discover skills of a task.

    Args:
        method: of ``METHODS``.
        task: the task.
        purse: pays for calls.
        chat: settings of ``teachgym.chat.settings``, or a chat model; needed for ``llm`` alone.
        settings: of the way: the arguments of ``LLMDiscovery`` or ``Clusters``.

    Raises:
        UnknownNameError: for a way that does not exist.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if ``llm`` lacks a package.
    """
    if method not in METHODS:
        raise UnknownNameError(unknown("method", method, METHODS))
    if method == "llm":
        return _llm(task, purse, chat, settings)
    if method == "clusters":
        return build("method 'clusters'", Clusters, settings=settings)
    return build("method 'gold'", GoldSkills, task, settings=settings)


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
        labels={k: v for k, v in getattr(discovery, "labels", {}).items() if k in examples},
    )


def _llm(task: Task, purse: Purse | None, chat: Any, settings: Mapping[str, Any]) -> SkillDiscovery:
    # Imported here: chat models are for those who ask them.
    try:
        from teachgym.skills.llm_discovery import LLMDiscovery
    except ImportError as error:
        raise missing_extra(error.name or "pydantic", "llm") from error
    from teachgym.skills.proposing import chat_model

    domain = getattr(task, "brief", PLAIN).domain
    if isinstance(chat, Mapping) and "workers" in chat:
        settings = {"workers": chat["workers"], **settings}
    model = chat_model(chat, "method")
    return build("method 'llm'", LLMDiscovery, model, domain, settings=settings, purse=purse)
