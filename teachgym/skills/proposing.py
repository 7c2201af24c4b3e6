"""Proposers by name: who finds the subskills of a Skill-Tree environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from teachgym.chat.settings import check_chat, make_chat
from teachgym.errors import UnknownNameError, missing_extra, require_known, unknown
from teachgym.protocols import ChatModel, Purse, Task
from teachgym.shown import in_short
from teachgym.skills.moves import Proposer, TaskProposer
from teachgym.skills.naming import identity
from teachgym.syllabus import Syllabus
from teachgym.typed import check_settings
from teachgym.types import leaves_by_root

if TYPE_CHECKING:
    from teachgym.skills.llm_proposer import LLMProposer

PROPOSERS = {
    "task": "The task's own leaves of a root, in random order.",
    "llm": "What a chat model thinks of.",
    "fixed": "Names from lists, in their order.",
}
"""Name of a proposer to what it proposes."""


@dataclass(frozen=True)
class FixedProposer:
    """Proposes the next names of a list: the paper's ProposeSubskillsFromFixedList."""

    lists: Mapping[str, Sequence[str]]
    """A root, or a name in another list, to the names of its subskills."""

    __repr__ = in_short

    def propose(
        self, skill: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """The first ``count`` names not in ``known``, where case and punctuation do not count."""
        return unlike(self.lists.get(skill, ()), known)[:count]


def unlike(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names that are neither one of ``known`` nor repeated; see ``naming.identity``."""
    taken = {identity(name) for name in known} | {""}
    fresh: dict[str, str] = {}
    for name in names:
        if identity(name) not in taken:
            fresh.setdefault(identity(name), name)
    return tuple(fresh.values())


def make_proposer(
    name: str,
    task: Task,
    *,
    purse: Purse | None = None,
    chat: Any = None,
    **settings: Any,
) -> Proposer:
    """The named proposer for a task.

    Args:
        name: of ``PROPOSERS``.
        task: the task.
        purse: pays for calls.
        chat: settings of ``teachgym.chat.settings``, or a chat model; needed for ``llm`` alone.
        settings: of the proposer: ``lists`` for ``fixed``, the arguments of ``LLMProposer``.

    Raises:
        UnknownNameError: for a name that is not registered.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if ``llm`` lacks a package.
    """
    check_proposer(name, settings, chat)
    if name == "llm":
        return _llm(task, purse, chat, settings)
    if name == "fixed":
        return _fixed(task, **settings)
    return TaskProposer(leaves_by_root(task.skills))


def check_proposer(name: str, settings: Mapping[str, Any], chat: Any) -> None:
    """Check name, settings and chat model of a proposer; raises as ``make_proposer``."""
    if not isinstance(name, str) or name not in PROPOSERS:
        raise UnknownNameError(unknown("proposer", name, PROPOSERS))
    what = f"proposer {name!r}"
    if name == "llm":
        check_chat(chat, what)
        check_settings(what, settings, _llm_proposer(), but=("chat", "syllabus", "purse"))
    elif name == "fixed":
        check_settings(what, settings, _fixed, but=("task",))
    else:
        check_settings(what, settings, TaskProposer, but=("leaves",))


def chat_model(chat: ChatModel | Mapping[str, Any] | None, role: str) -> ChatModel:
    """A chat model, or the one that settings describe.

    Raises:
        ConfigError: if there is neither.
    """
    check_chat(chat, f"{role} 'llm'")
    return make_chat(chat) if isinstance(chat, Mapping) else cast(ChatModel, chat)


def _llm_proposer() -> type[LLMProposer]:
    try:
        from teachgym.skills.llm_proposer import LLMProposer
    except ImportError as error:
        raise missing_extra(error.name or "pydantic", "llm") from error
    return LLMProposer


def _llm(task: Task, purse: Purse | None, chat: Any, settings: Mapping[str, Any]) -> Proposer:
    return _llm_proposer()(chat_model(chat, "proposer"), Syllabus.of(task), purse=purse, **settings)


def _fixed(task: Task, *, lists: Mapping[str, Sequence[str]]) -> FixedProposer:
    names = [skill.name for skill in task.skills] + [n for names in lists.values() for n in names]
    require_known("skill", lists, names)
    return FixedProposer(lists)
