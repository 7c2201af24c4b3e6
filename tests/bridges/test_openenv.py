"""OpenEnv: its server on loopback, and its client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.bridges.test_sessions import REPLIES, SMALL, alone

pytest.importorskip("openenv.core")
uvicorn: Any = pytest.importorskip("uvicorn")

from teachgym.bridges.openenv import Lessons, Reply, TeacherClient, app_of  # noqa: E402
from teachgym.bridges.sessions import Sessions  # noqa: E402
from teachgym.envs.forks import Forks  # noqa: E402
from teachgym.errors import EpisodeError  # noqa: E402

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    settings = {key: value for key, value in SMALL.items() if key not in ("observation", "action")}
    app = app_of("SkillList", 3, answer_within=0.01, **settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def episode(address: str, seed: int, reply: str) -> list[tuple[float, bool]]:
    with TeacherClient(address).sync() as env:
        first = env.reset(seed=seed)
        assert [m["role"] for m in first.observation.messages] == ["system", "user"]
        steps = [env.step(Reply(text=reply)) for _ in range(2)]
        assert "step 1" in steps[0].observation.messages[1]["content"]
        assert steps[1].observation.messages == []
        assert env.state().step_count == 2
    return [(step.reward, step.done) for step in steps]


def test_sessions_at_the_same_time_get_what_each_would_have_got_alone(address: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        got = list(pool.map(lambda reply: episode(address, 6, reply), REPLIES))
    assert got == [alone(6, [reply, reply]) for reply in REPLIES]


def test_what_is_out_of_turn_is_said(address: str) -> None:
    with TeacherClient(address).sync() as env:
        with pytest.raises(RuntimeError, match="call reset first"):
            env.step(Reply(text=REPLIES[0]))
        env.reset(seed=1)
        with pytest.raises(RuntimeError, match="send one with a text"):
            env.step(Reply())


def test_a_step_that_goes_on_is_pending_until_asked_again() -> None:
    sessions = Sessions(Forks("SkillList", 2, **SMALL))
    lessons = Lessons(sessions, answer_within=1e-6)
    lessons.reset(seed=2)
    first = lessons.step(Reply(text=REPLIES[0]))
    assert (first.pending, first.reward, first.done) == (True, None, False)
    later = lessons.step(Reply(), timeout_s=600)
    assert [(later.reward, later.done)] == alone(2, [REPLIES[0]])
    lessons.close()
    with pytest.raises(EpisodeError, match="call reset first"):
        lessons.step(Reply())
    sessions.close()
