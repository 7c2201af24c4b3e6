"""OpenEnv: students behind a server, and the client whose patience is long enough for them.

::

    app = app_of("SkillList", 8, student="tiny", budget={"steps": 3})      # uvicorn module:app
    with TeacherClient("http://localhost:8000").sync() as env:
        messages = env.reset(seed=0).observation.messages
        result = env.step(Reply(text=ask(messages)))

Sessions of the server that reply at the same time are taught in one stack. A step trains a model
and may take minutes, and clients of OpenEnv give up after one: so the server answers with
``pending`` after ``answer_within`` seconds, and ``Reply()`` asks again what came of the last reply.
``TeacherClient`` asks until there is an outcome.
"""

from __future__ import annotations

import json
from concurrent.futures import wait
from typing import Any

from teachgym.bridges.sessions import Session, Sessions, sessions_for
from teachgym.errors import EpisodeError, require_packages

require_packages("openenv", "openenv")

from openenv.core import EnvClient  # noqa: E402
from openenv.core.client_types import StepResult  # noqa: E402
from openenv.core.env_server import create_app  # noqa: E402
from openenv.core.env_server.interfaces import Environment  # noqa: E402
from openenv.core.env_server.types import Action, Observation, State  # noqa: E402


class Reply(Action):
    """A reply of the language model; an empty one waits for the outcome of the last reply."""

    text: str | None = None


class Lesson(Observation):
    """The teacher's next question, and the outcome of its last reply."""

    messages: list[dict[str, str]] = []  # noqa: RUF012 - pydantic copies it.
    """Empty at the end, and while a reply is being carried out."""
    pending: bool = False
    """The reply is still being carried out; there is no reward yet."""
    gain: float | None = None
    """In accuracy on ``val``."""
    rejected: list[str] = []  # noqa: RUF012
    """Reasons why parts of the reply were not carried out, one each."""


class Lessons(Environment):
    """One session.

    Args:
        sessions: of all.
        answer_within: seconds after which a step that goes on answers with ``pending``, > 0.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, sessions: Sessions, answer_within: float = 45.0) -> None:
        super().__init__()
        self._sessions, self._within = sessions, answer_within
        self._session: Session | None = None
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **_: Any) -> Lesson:
        """A new episode about the untrained student of a seed, 0 unless another one is given."""
        self.close()
        self._session = self._sessions.open(seed or 0).result()
        self._state = State(episode_id=episode_id or self._session.state)
        return Lesson(messages=_plain(self._session))

    def step(self, action: Reply, timeout_s: float | None = None, **_: Any) -> Lesson:
        """Carry out a reply, or go on waiting for what comes of the last one.

        Raises:
            EpisodeError: before ``reset``, after the end, for a reply while another one is being
                carried out, and for none before the first.
        """
        session = self._begun()
        if action.text is not None:
            session.reply(action.text)
            self._state.step_count += 1
        if session.last is None:
            raise EpisodeError("no reply is being carried out; send one with a text")
        wait([session.last], timeout=timeout_s or self._within)
        if not session.last.done():
            return Lesson(pending=True)
        outcome = session.last.result()
        return Lesson(
            messages=_plain(session),
            gain=outcome.gain,
            rejected=list(outcome.rejected),
            reward=outcome.reward,
            done=outcome.ended,
        )

    @property
    def state(self) -> State:
        """The episode's id, and how many replies were sent."""
        return self._state

    def close(self) -> None:
        """Let go of the student."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _begun(self) -> Session:
        if self._session is None:
            raise EpisodeError("there is no episode; call reset first")
        return self._session


class TeacherClient(EnvClient):
    """The client, which asks until a reply has been carried out."""

    async def _step_async(self, action: Reply, **settings: Any) -> StepResult[Lesson]:
        result = await super()._step_async(action, **settings)
        while result.observation.pending:
            result = await super()._step_async(Reply(), **settings)
        return result

    def _step_payload(self, action: Reply) -> dict[str, Any]:
        return dict(action.model_dump())

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Lesson]:
        told = {"reward": payload.get("reward"), "done": payload.get("done", False)}
        observation = Lesson(**{**payload["observation"], **told})
        return StepResult(observation, **told)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(**payload)


def app_of(env: str, size: int = 8, *, answer_within: float = 45.0, **settings: Any) -> Any:
    """The server, for ``uvicorn``.

    Args:
        env: the environment's id or short name.
        size: students that are taught at once, and sessions that there may be, >= 1.
        answer_within: seconds after which a step that goes on answers with ``pending``, > 0.
        settings: those of the environment; observation and action are texts.
    """
    sessions = sessions_for(env, size, json.dumps(settings, sort_keys=True))
    return create_app(
        lambda: Lessons(sessions, answer_within),
        Reply,
        Lesson,
        env_name="teachgym",
        max_concurrent_envs=size,
    )


def _plain(session: Session) -> list[dict[str, str]]:
    return [dict(message) for message in session.messages]
