"""``state_after``: the name of the state that an action leads to, equal in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import gymnasium as gym

from teachgym.envs.wrappers.stop import as_member


def state_after(space: gym.Space[Any], id_: str, action: Any) -> str:
    """The name of the state after ``action``: that of the one before, and the action's digest.

    Args:
        space: of the environment's actions.
        id_: the name of the state before.
        action: what ``step`` takes; equal ones that are written otherwise have equal names.

    Raises:
        ActionError: for numbers that are not in the space.
    """
    written = json.dumps(space.to_jsonable([as_member(space, action)]), sort_keys=True)
    return f"{id_}/{hashlib.sha256(written.encode()).hexdigest()[:12]}"
