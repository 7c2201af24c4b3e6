"""Tinker's cookbook: groups of episodes whose students are taught in one stack.

::

    groups = TeacherGroups("SkillList", renderer, group_size=8, batch_size=4, batches=50,
                           settings={"student": "tiny", "budget": {"steps": 3}})

``groups`` is the ``RLDataset`` of the cookbook's training loop. Each group is about the untrained
student of one seed. An episode has as many turns as the environment has steps; each turn's prompt
says what came of the earlier ones, so that none of it has to be kept in the context.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from teachgym.bridges.sessions import Session, sessions_for
from teachgym.errors import require_packages
from teachgym.shown import in_short

require_packages("tinker", "tinker", "tinker_cookbook")

from tinker import ModelInput  # noqa: E402
from tinker_cookbook.renderers import Renderer, get_text_content  # noqa: E402
from tinker_cookbook.rl.types import (  # noqa: E402
    Env,
    EnvGroupBuilder,
    RLDataset,
    StepResult,
)


class TeacherEnv(Env):
    """One episode of a session."""

    def __init__(self, session: Session, renderer: Renderer) -> None:
        self._session, self._renderer = session, renderer

    async def initial_observation(self) -> tuple[Any, Any]:
        """The first prompt, and where a reply to it ends."""
        prompt = self._renderer.build_generation_prompt([dict(m) for m in self._session.messages])
        return prompt, self._renderer.get_stop_sequences()

    async def step(self, action: list[int], *, extra: Any = None) -> StepResult:
        """Carry out the reply that these tokens are."""
        message, _ = self._renderer.parse_response(action)
        outcome = await asyncio.wrap_future(self._session.reply(get_text_content(message)))
        following = (ModelInput.empty(), []) if outcome.ended else await self.initial_observation()
        return StepResult(
            outcome.reward,
            outcome.ended,
            *following,
            metrics={"gain": outcome.gain, "rejected": len(outcome.rejected)},
        )


@dataclass
class TeacherGroup(EnvGroupBuilder):
    """Episodes that start from the same student. It can be pickled before it has made any."""

    env: str
    """The environment's id or short name."""
    settings: str
    """Those of the environment, as JSON."""
    size: int
    """Episodes of the group, and students in a stack, >= 1."""
    seed: int
    renderer: Renderer
    _sessions: list[Session] = field(default_factory=list, init=False)

    __repr__ = in_short

    async def make_envs(self) -> Sequence[Env]:
        """``size`` episodes."""
        sessions = sessions_for(self.env, self.size, self.settings)
        self._sessions = await asyncio.gather(
            *(asyncio.wrap_future(sessions.open(self.seed)) for _ in range(self.size))
        )
        return [TeacherEnv(session, self.renderer) for session in self._sessions]

    async def cleanup(self) -> None:
        """Let go of the students."""
        while self._sessions:
            self._sessions.pop().close()

    def logging_tags(self) -> list[str]:
        """The name under which the cookbook's log counts these episodes."""
        return ["teachgym", self.env.removeprefix("teachgym/")]


class TeacherGroups(RLDataset):
    """Groups for seeds in order.

    Args:
        env: the environment's id or short name.
        renderer: of the language model that is trained.
        group_size: episodes of a group, >= 1.
        batch_size: groups of a batch, >= 1.
        batches: how many there are, >= 1.
        settings: those of the environment; observation and action are texts.
        first_seed: of the first group, >= 0.
    """

    def __init__(
        self,
        env: str,
        renderer: Renderer,
        *,
        group_size: int = 8,
        batch_size: int = 4,
        batches: int = 50,
        settings: Mapping[str, Any] | None = None,
        first_seed: int = 0,
    ) -> None:
        written = json.dumps(dict(settings or {}), sort_keys=True)
        seeds = range(first_seed, first_seed + batch_size * batches)
        self._batch_size = batch_size
        self._groups = [TeacherGroup(env, written, group_size, seed, renderer) for seed in seeds]

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        """The groups of a batch."""
        return self._groups[index * self._batch_size : (index + 1) * self._batch_size]

    def __len__(self) -> int:
        return len(self._groups) // self._batch_size
