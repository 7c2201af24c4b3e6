"""Sessions: each conversation gets what its own environment would have given it."""

from __future__ import annotations

import asyncio
from concurrent.futures import wait
from typing import Any

import gymnasium as gym
import pytest

from teachgym.bridges.sessions import Outcome, Session, Sessions, sessions_for
from teachgym.envs.forks import Forks
from teachgym.errors import ConfigError, EpisodeError

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 60,
    "budget": {"steps": 2},
    "observation": "text",
    "action": "text",
}
REPLIES = ['{"items": [{"skill": "first", "count": 60}]}', "No idea.", '{"items": []}']


class CountedForks(Forks):
    """Forks that note how many actions were tried together."""

    def _made(self, pairs: Any) -> Any:
        self.tried = [*getattr(self, "tried", []), len(pairs)]
        return super()._made(pairs)


@pytest.fixture(scope="module")
def forks() -> CountedForks:
    return CountedForks("SkillList", 4, **SMALL)


def alone(seed: int, replies: list[str]) -> list[tuple[float, bool]]:
    """Rewards and ends of an environment of one's own."""
    env = gym.make("teachgym/SkillList-v0", **SMALL)
    env.reset(seed=seed)
    steps = [env.step(reply) for reply in replies]
    return [(float(reward), end or cut) for _, reward, end, cut, _ in steps]


def test_sessions_are_episodes_of_their_own_taught_together(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0.2)
    opened = [sessions.open(seed).result() for seed in (3, 3, 4)]
    assert opened[0].messages == opened[1].messages
    forks.tried = []
    first = [s.reply(text) for s, text in zip(opened, REPLIES, strict=True)]
    wait(first)
    assert forks.tried == [3]
    second = [s.reply(REPLIES[0]) for s in opened]
    for session, one, two, seed, text in zip(
        opened, first, second, (3, 3, 4), REPLIES, strict=True
    ):
        got = [(o.reward, o.ended) for o in (one.result(), two.result())]
        assert got == alone(seed, [text, REPLIES[0]])
        assert session.ended
        assert session.messages == ()
    assert first[1].result().rejected == ("reply",)
    sessions.close()


def test_equal_replies_in_one_state_are_tried_once(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0.2)
    opened = [sessions.open(7).result() for _ in range(4)]
    forks.tried = []
    got = [f.result() for f in [s.reply(REPLIES[0]) for s in opened]]
    assert forks.tried == [1]
    assert len(set(got)) == 1
    assert len({s.state for s in opened}) == 1
    sessions.close()


def test_who_closes_twice_lets_go_once(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0)
    one, other = (sessions.open(5).result() for _ in range(2))
    one.close()
    one.close()
    assert other.reply(REPLIES[0]).result().reward == alone(5, REPLIES[:1])[0][0]
    sessions.close()


def test_more_replies_than_students_are_taught_in_turns(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0.2)
    opened = [sessions.open(seed).result() for seed in range(6)]
    forks.tried = []
    wait([s.reply(REPLIES[0]) for s in opened])
    assert forks.tried == [4, 2]
    sessions.close()


def test_students_that_nobody_needs_are_forgotten(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0)
    one, other = (sessions.open(9).result() for _ in range(2))
    one.reply(REPLIES[0]).result()
    assert forks.snapshot("9") is not None  # The other one is still there.
    before = one.state
    other.close()
    one.reply(REPLIES[0]).result()
    one.close()
    sessions.open(9).result()  # Done after the rest.
    for state in (before, one.state):
        with pytest.raises(EpisodeError, match="is kept"):
            forks.snapshot(state)
    sessions.close()


def test_replies_out_of_turn_say_so(forks: CountedForks) -> None:
    sessions = Sessions(forks, patience=0.2)
    session = sessions.open(0).result()
    first = session.reply(REPLIES[0])
    with pytest.raises(EpisodeError, match="being carried out"):
        session.reply(REPLIES[0])
    first.result()
    session.reply(REPLIES[0]).result()
    with pytest.raises(EpisodeError, match="has ended"):
        session.reply(REPLIES[0])
    sessions.close()


def test_a_fault_reaches_whoever_waits(
    forks: CountedForks, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(forks, patience=0)
    session = sessions.open(0).result()
    monkeypatch.setattr(forks, "branch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session.reply(REPLIES[0]).result()
    monkeypatch.undo()
    assert session.reply(REPLIES[0]).result().ended is False
    sessions.close()


def test_a_reply_that_is_given_up_keeps_nobody_waiting(forks: CountedForks) -> None:
    """As a rollout that ran out of time does: it is not tried, the others are."""
    sessions = Sessions(forks, patience=0.5)
    opened = [sessions.open(seed).result() for seed in range(3)]
    forks.tried = []
    replies = [s.reply(REPLIES[0]) for s in opened]
    assert replies[1].cancel()
    assert [replies[i].result(timeout=60).ended for i in (0, 2)] == [False, False]
    assert forks.tried == [2]
    assert opened[1].reply(REPLIES[0]).result().reward == alone(1, REPLIES[:1])[0][0]
    sessions.close()


def test_what_depends_on_who_waits_too_is_refused() -> None:
    with pytest.raises(ConfigError, match="recheck is 5, and replies that wait together"):
        Sessions(Forks("SkillList", 2, recheck=5, **SMALL))


def test_coroutines_can_wait_for_them() -> None:
    sessions = sessions_for("SkillList", 3, '{"student": "simulated", "budget": {"steps": 1}}')
    assert sessions is sessions_for(
        "SkillList", 3, '{"student": "simulated", "budget": {"steps": 1}}'
    )

    async def one(session: Session) -> Outcome:
        return await asyncio.wrap_future(session.reply(REPLIES[0]))

    async def all_of_them() -> list[Outcome]:
        opened = [await asyncio.wrap_future(sessions.open(1)) for _ in range(3)]
        return await asyncio.gather(*map(one, opened))

    assert [outcome.ended for outcome in asyncio.run(all_of_them())] == [True] * 3
