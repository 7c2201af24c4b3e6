"""A teacher as a SkyRL environment: text in, text out, groups taught in one stack.

Written against skyrl-gym 0.3 (``BaseTextEnv``). In the data set each row has ``env_class``
``"teachgym"`` and a column ``seed``; rows of a group share it, and so start from one student. Then

    skyrl_gym.register(id="teachgym", entry_point="teacher_in_skyrl:TeacherEnv")

SkyRL steps environments in threads, and whoever steps meanwhile is taught together.
"""

from __future__ import annotations

import json
from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from teachgym.bridges.sessions import sessions_for

SETTINGS: dict[str, Any] = {"student": "simulated", "budget": {"steps": 3}}


class TeacherEnv(BaseTextEnv):
    """One episode of a teacher; a turn is a step of the environment."""

    def __init__(self, env_config: Any, extras: dict[str, Any]) -> None:
        super().__init__()
        self.max_turns = SETTINGS["budget"]["steps"]
        sessions = sessions_for("SkillList", 8, json.dumps(SETTINGS))
        self._session = sessions.open(int(extras["seed"])).result()

    def init(self, prompt: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """The first messages, whatever the row's prompt says."""
        return [dict(message) for message in self._session.messages], {}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Teach what the reply orders; what came of it is the next message of the user."""
        outcome = self._session.reply(action).result()
        return BaseTextEnvStepOutput(
            observations=[dict(m) for m in self._session.messages if m["role"] == "user"],
            reward=outcome.reward,
            done=outcome.ended,
            metadata={"gain": outcome.gain, "rejected": list(outcome.rejected)},
        )

    def close(self) -> None:
        """Let go of the student."""
        self._session.close()
