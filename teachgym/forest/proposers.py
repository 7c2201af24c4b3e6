"""Proposers by name: who finds the subskills of a Skill-Tree environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgym.chat.settings import check_asking
from teachgym.errors import require_known
from teachgym.forest.moves import Proposer, TaskProposer
from teachgym.protocols import Meter, Task
from teachgym.registry import Registry
from teachgym.shown import in_short
from teachgym.skills.names import unlike
from teachgym.types import leaves_by_root


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


def propose_own(task: Task) -> TaskProposer:
    """Proposes the task's own leaves of a root, in random order."""
    return TaskProposer(leaves_by_root(task.skills))


def propose_fixed(task: Task, *, lists: Mapping[str, Sequence[str]]) -> FixedProposer:
    """Proposes names from lists, in their order."""
    names = [skill.name for skill in task.skills] + [n for names in lists.values() for n in names]
    require_known("skill", lists, names)
    return FixedProposer(lists)


PROPOSERS = Registry(
    "proposer",
    {
        "task": "teachgym.forest.proposers:propose_own",
        "llm": "teachgym.forest.llm_proposer:LLMProposer",
        "fixed": "teachgym.forest.proposers:propose_fixed",
    },
    given=("task",),
    services=("meter", "chat"),
    needs={"llm": ("llm", "pydantic")},
)
"""Every proposer, called as ``(task, **settings)``, and with ``meter`` and ``chat`` if it has
parameters of these names."""


def make_proposer(
    name: Any,
    task: Task,
    *,
    meter: Meter | None = None,
    chat: Any = None,
    **settings: Any,
) -> Proposer:
    """The named proposer for a task.

    Args:
        name: a name in ``PROPOSERS``, or one of the other ways of ``teachgym.registry``.
        task: the task.
        meter: pays for calls.
        chat: settings of ``teachgym.chat.settings``, or a chat model; needed for ``llm`` alone.
        settings: of the proposer: ``lists`` for ``fixed``, the arguments of ``LLMProposer``.

    Raises:
        UnknownNameError: for what names no proposer.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if ``llm`` lacks a package.
    """
    check_asking(PROPOSERS, name, settings, chat)
    proposer: Proposer = PROPOSERS.make(name, task, settings=settings, meter=meter, chat=chat)
    return proposer
