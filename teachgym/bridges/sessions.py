"""``Sessions``: many conversations at once, each about a student of its own, taught in stacks.

::

    sessions = Sessions(Forks("SkillList", 8, student="tiny", observation="text", action="text"))
    session = sessions.open(seed=0).result()
    session.messages                          # what a language model is asked
    outcome = session.reply(text).result()    # its reply, carried out: trained and measured

Trainers of agents hold one conversation in each coroutine or thread and call an environment for
each alone. What comes in while others are being taught, or within ``patience``, is taught together
here: a group of K replies costs one stacked step, not K. Every future can be waited for with
``result()``, or awaited with ``asyncio.wrap_future``.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from teachgym.envs.forks import Branch, Forks
from teachgym.errors import ConfigError, EpisodeError
from teachgym.shown import in_short
from teachgym.types import Messages


@dataclass(frozen=True)
class Outcome:
    """The outcome of a reply."""

    reward: float
    gain: float
    """In accuracy on ``val``."""
    rejected: tuple[str, ...]
    """Reasons why parts of it were not carried out, one each."""
    ended: bool
    """The session is over: its budget is spent, or the teacher has stopped."""

    __repr__ = in_short


class Sessions:
    """Conversations about students that are forked from untrained ones.

    Args:
        forks: of environments with ``observation="text"`` and ``action="text"``; nobody else
            should use them meanwhile.
        patience: seconds for which a first reply waits for others to be taught with, >= 0.

    Raises:
        ConfigError: for forks with ``recheck``: who waits together is chance and no group.
    """

    def __init__(self, forks: Forks, patience: float = 0.05) -> None:
        if forks.recheck:
            raise ConfigError(
                f"recheck is {forks.recheck}, and replies that wait together are no group, so a "
                "reward would depend on who else replies; leave it out"
            )
        self._forks, self._patience = forks, patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="teachgym-sessions")
        self._waiting: list[_Tried] = []
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def open(self, seed: int) -> Future[Session]:
        """A conversation about the untrained student of a seed; equal for equal seeds."""
        return self._thread.submit(self._open, seed)

    def close(self) -> None:
        """Finish what has been begun, and let go of all students."""
        self._thread.shutdown()
        self._forks.forget_all()

    def _teach(self, session: Session, reply: str) -> Future[Outcome]:
        """Carry out a reply together with others that are waiting."""
        tried = _Tried(session, reply)
        with self._lock:
            self._waiting.append(tried)
        self._thread.submit(self._next)
        return tried.outcome

    def _leave(self, session: Session) -> None:
        """Let go of a session's student, once its last reply is carried out."""
        self._thread.submit(lambda: self._let_go(session.state))

    # -- in the thread of the students -----------------------------------------------------

    def _open(self, seed: int) -> Session:
        state = self._forks.start(seed)
        self._held[state] += 1
        return Session(self, state, self._asked(state))

    def _asked(self, state: str) -> Messages:
        asked: Messages = self._forks.form(state).prompt_of(self._forks.observation(state))
        return asked

    def _next(self) -> None:
        """Teach those who are waiting, as many as go together."""
        if 0 < len(self._waiting) < self._forks.size:
            time.sleep(self._patience)
        with self._lock:
            some = self._waiting[: self._forks.size]
            del self._waiting[: self._forks.size]
        # Who has given up is not tried; from here on nobody can.
        some = [tried for tried in some if tried.outcome.set_running_or_notify_cancel()]
        try:
            self._try_together(some)
        except Exception as error:  # Whoever waits is told.
            for tried in some:
                tried.outcome.set_exception(error)

    def _try_together(self, some: list[_Tried]) -> None:
        if not some:
            return
        states = [tried.session.state for tried in some]
        branch = self._forks.branch(states, [tried.reply for tried in some])
        outcomes = [_outcome(branch, place) for place in range(len(some))]
        for tried, id_, outcome in zip(some, branch.ids, outcomes, strict=True):
            self._move(tried.session, id_, ended=outcome.ended)
        for state in states:
            self._let_go(state)
        for tried, outcome in zip(some, outcomes, strict=True):
            tried.outcome.set_result(outcome)

    def _move(self, session: Session, state: str, *, ended: bool) -> None:
        """Put a session into the state after its reply."""
        session.state = state
        session.ended |= ended
        session.messages = () if session.ended else self._asked(session.state)
        self._held[session.state] += 1

    def _let_go(self, state: str) -> None:
        """One session less is in a state; what nobody is in is forgotten."""
        self._held[state] -= 1
        if not self._held[state]:
            del self._held[state]
            self._forks.forget(state)


class Session:
    """One conversation.

    ``state`` is the id of its student in the forks, ``last`` what comes of its last reply.
    """

    def __init__(self, sessions: Sessions, state: str, messages: Messages) -> None:
        self.state, self.messages, self.ended = state, messages, False
        self._left = False
        self._sessions = sessions
        self.last: Future[Outcome] | None = None

    def reply(self, text: str) -> Future[Outcome]:
        """Carry out what a language model says to ``messages``, which then are the next ones.

        Raises:
            EpisodeError: after the end, or while another reply is being carried out.
        """
        if self.ended or (self.last is not None and not self.last.done()):
            raise EpisodeError(
                "this session has ended; open another one"
                if self.ended
                else "a reply of this session is being carried out; wait for its outcome first"
            )
        self.last = self._sessions._teach(self, text)
        return self.last

    def close(self) -> None:
        """Let go of the student, once a reply that is being carried out is; once for all."""
        if not self._left:
            self._left = self.ended = True
            self._sessions._leave(self)


@dataclass(frozen=True)
class _Tried:
    """A reply, whose it is, and what will come of it."""

    session: Session
    reply: str
    outcome: Future[Outcome] = field(default_factory=Future)


def _outcome(branch: Branch, place: int) -> Outcome:
    _, _, terminated, truncated, info = branch.results[place]
    return Outcome(
        reward=float(branch.rewards[place]),
        gain=branch.gains[place].mean,
        rejected=tuple(verdict.reason for verdict in info["rejected"]),
        ended=terminated or truncated,
    )


@cache
def sessions_for(env: str, size: int, settings: str) -> Sessions:
    """The sessions of this process for an environment, whose settings are JSON."""
    return Sessions(
        Forks(env, size, **{**json.loads(settings), "observation": "text", "action": "text"})
    )
