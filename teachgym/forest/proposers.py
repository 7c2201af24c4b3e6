"""Proposers by name, which find the subskills of a Skill-Tree environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.chat.settings import check_chat
from teachgym.errors import require_known
from teachgym.forest.moves import TaskProposer
from teachgym.protocols import Task
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
    services={"meter": None, "chat": check_chat},
    extras={"llm": ("llm", "pydantic")},
)
"""Every proposer, called as ``(task, **settings)``, and if it has parameters of these names with
``meter``, which pays for calls, and ``chat``, a chat model or its settings."""
