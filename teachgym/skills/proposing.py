"""Proposers by name: who finds the subskills of a Skill-Tree environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.errors import UnknownNameError, unknown
from teachgym.protocols import Purse, Task
from teachgym.skills.moves import Proposer, TaskProposer
from teachgym.types import leaves_by_root


def make_proposer(
    name: str,
    task: Task,
    *,
    purse: Purse | None = None,
    chat: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Proposer:
    """The named proposer for a task.

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    if name != "task":
        raise UnknownNameError(unknown("proposer", name, ("task",)))
    return TaskProposer(leaves_by_root(task.skills))
