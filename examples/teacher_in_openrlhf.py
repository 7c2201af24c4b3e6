"""A teacher as an agent of OpenRLHF: ``--train.agent_func_path teacher_in_openrlhf.py``.

Written against OpenRLHF's ``MultiTurnAgentExecutor`` (``openrlhf.utils.agent``). The label of a
row is the seed of its student, so samples of a row start from one student. Instances of a batch
are coroutines, and whoever waits for a lesson meanwhile is taught together.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import torch
from openrlhf.utils.agent import AgentInstanceBase, MultiTurnAgentExecutor

from teachgym.bridges.sessions import Session, sessions_for

SETTINGS: dict[str, Any] = {"student": "simulated", "budget": {"steps": 3}}


class AgentInstance(AgentInstanceBase):
    """One episode of a teacher."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._session: Session

    async def reset(self, states: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """What the model reads first, whatever the row's prompt says."""
        sessions = sessions_for("SkillList", 8, json.dumps(SETTINGS))
        self._session = await asyncio.wrap_future(sessions.open(int(states["label"])))
        return {"observation": self._asked("system", "user")}

    async def step(self, states: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Teach what the reply orders, and tell what came of it."""
        outcome = await asyncio.wrap_future(self._session.reply(states["action_text"]))
        feedback = "" if outcome.ended else f"\n\n{self._asked('user')}"
        if outcome.ended:
            self._session.close()
        return {
            "rewards": torch.tensor(outcome.reward),
            "scores": torch.tensor(outcome.gain),
            "environment_feedback": feedback,
            "done": outcome.ended,
            "sampling_params": states.get("sampling_params"),
            "extra_logs": {"gain": torch.tensor(outcome.gain)},
        }

    def _asked(self, *roles: str) -> str:
        texts = [m["content"] for m in self._session.messages if m["role"] in roles]
        return "\n\n".join([*map(str, texts), "Reply: "])


class AgentExecutor(MultiTurnAgentExecutor):
    """What OpenRLHF looks for in this file."""

    def __init__(self) -> None:
        super().__init__(AgentInstance)
