"""verifiers (and prime-rl, which trains on it): episodes of a teacher as rollouts.

::

    vf-eval teachgym-verifiers -n 4 -r 8 -m my-model --env.teacher.runtime.type subprocess
        --env.taskset.settings '{"student": "tiny", "budget": {"steps": 3}}'

``teachgym-verifiers`` names the taskset and the environment alike. Tasks are seeds; a rollout is a
conversation with a turn for each step of the episode, and its reward is the sum of theirs. Rollouts
that reply at the same time are taught in one stack: give them leave to run together
(``--max-concurrent``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import count
from typing import Any

from teachgym.bridges.sessions import sessions_for
from teachgym.errors import require_packages

require_packages("verifiers", "verifiers")

import verifiers.v1 as vf  # noqa: E402


class SeedData(vf.TaskData):
    """A task: the untrained student of a seed."""

    seed: int
    env: str
    size: int
    settings: dict[str, Any]


class SeedTask(vf.Task[SeedData]):
    """Its reward is recorded by the environment, which measures it."""


class SeedsConfig(vf.TasksetConfig):
    """The environment."""

    env: str = "SkillList"
    """Its id or short name."""
    size: int = 8
    """Students that are taught at once, >= 1."""
    settings: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it.
    """Those of the environment; observation and action are texts."""
    first_seed: int = 0
    """The seed of the first task, >= 0."""


class Seeds(vf.Taskset[SeedTask, SeedsConfig]):
    """A task for every seed from the first one on, without end."""

    INFINITE = True

    def load(self) -> Iterable[SeedTask]:
        """The tasks."""
        told = {"env": self.config.env, "size": self.config.size, "settings": self.config.settings}
        for seed in count(self.config.first_seed):
            yield SeedTask(SeedData(seed=seed, name=f"seed-{seed}", **told), self.config.task)


class TeacherConfig(vf.EnvConfig):
    """The player: ``teacher``, a model that is only talked to."""

    teacher: vf.AgentConfig = vf.AgentConfig(harness={"id": "null"})


class TeacherEnv(vf.Env[TeacherConfig]):
    """An episode of teaching in turns: what is to be seen, and the reply that is carried out."""

    async def run(self, task: SeedTask, agents: vf.Agents) -> None:
        """One episode; it ends early where the teacher's rollout does."""
        told = task.data
        sessions = sessions_for(told.env, told.size, json.dumps(told.settings, sort_keys=True))
        session = await asyncio.wrap_future(sessions.open(told.seed))
        system, asked = (message["content"] for message in session.messages)
        reward = gain = 0.0
        rejected = 0
        try:
            async with agents.teacher.interaction(task.with_system_prompt(system)) as talk:
                segment = await talk.turn(asked)
                while not segment.terminated:
                    outcome = await asyncio.wrap_future(session.reply(segment.last_reply))
                    reward += outcome.reward
                    gain += outcome.gain
                    rejected += len(outcome.rejected)
                    if outcome.ended:
                        break
                    segment = await talk.turn(session.messages[-1]["content"])
                talk.trace.record_reward("teaching", reward)
                talk.trace.record_metric("gain", gain)
                talk.trace.record_metric("rejected", float(rejected))
        finally:
            session.close()


__all__ = ["SeedTask", "Seeds", "TeacherEnv"]
