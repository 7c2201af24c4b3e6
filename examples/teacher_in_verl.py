"""A teacher as an agent loop of verl: a row is a student, a reply is a lesson.

Written against verl's ``AgentLoopBase`` (``verl.experimental.agent_loop``, which verl calls an
alpha). In the data set each row has ``agent_name`` ``"teachgym"`` and a column ``seed``; the
samples of a row start from one student. Loops of a batch are coroutines, and whoever waits
for a lesson meanwhile is taught together.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register

from teachgym.bridges.sessions import sessions_for

SETTINGS: dict[str, Any] = {"student": "simulated", "budget": {"steps": 1}}


@register("teachgym")
class TeacherLoop(AgentLoopBase):
    """One reply to the untrained student of the row's seed."""

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """Ask the model, teach what it orders, and pay what that gained."""
        sessions = sessions_for("SkillList", 8, json.dumps(SETTINGS))
        session = await asyncio.wrap_future(sessions.open(int(row["seed"])))
        messages = [dict(message) for message in session.messages]
        prompt_ids = await self.apply_chat_template(messages)
        said = await self.server_manager.generate(
            request_id=uuid4().hex, prompt_ids=prompt_ids, sampling_params=sampling_params
        )
        reply = self.tokenizer.decode(said.token_ids, skip_special_tokens=True)
        outcome = await asyncio.wrap_future(session.reply(reply))
        session.close()
        return AgentLoopOutput(
            prompt_ids=prompt_ids,
            response_ids=list(said.token_ids),
            response_mask=[1] * len(said.token_ids),
            response_logprobs=said.log_probs or None,
            reward_score=outcome.reward,
            num_turns=2,
            metrics={},
            extra_fields={"gain": outcome.gain},
        )
