"""Tinker's cookbook, with its own rollouts; nothing is sampled from a server."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from tests.bridges.test_sessions import REPLIES, SMALL, alone

tinker: Any = pytest.importorskip("tinker")
pytest.importorskip("tinker_cookbook")

from tinker_cookbook.completers import TokenCompleter, TokensWithLogprobs  # noqa: E402
from tinker_cookbook.renderers import get_renderer  # noqa: E402
from tinker_cookbook.rl.rollouts import do_group_rollout  # noqa: E402

from teachgym.bridges.tinker import TeacherGroups  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # Its own libraries warn it.


class Scripted(TokenCompleter):
    """Says the replies in turn, and keeps what it was asked."""

    def __init__(self, tokenizer: Any, replies: list[str]) -> None:
        self.tokenizer, self.replies, self.asked = tokenizer, replies, []

    async def __call__(self, model_input: Any, stop: Any, **_: Any) -> TokensWithLogprobs:
        self.asked.append(self.tokenizer.decode(model_input.to_ints()))
        reply = self.replies[(len(self.asked) - 1) % len(self.replies)]
        tokens = self.tokenizer.encode(reply + "\n\nUser:")
        return TokensWithLogprobs(tokens, [0.0] * len(tokens))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    from teachgym.students.bases import base_folder

    return AutoTokenizer.from_pretrained(base_folder("small", 0))


def test_a_group_is_rolled_out(tokenizer: Any) -> None:
    settings = {key: value for key, value in SMALL.items() if key not in ("observation", "action")}
    groups = TeacherGroups(
        "SkillList",
        get_renderer("role_colon", tokenizer),
        group_size=3,
        batch_size=2,
        batches=2,
        settings=settings,
        first_seed=5,
    )
    assert len(groups) == 2
    assert [group.seed for group in groups.get_batch(1)] == [7, 8]
    group = pickle.loads(pickle.dumps(groups.get_batch(0)[1]))
    assert group.logging_tags() == ["teachgym", "SkillList"]
    policy = Scripted(tokenizer, REPLIES)
    done = asyncio.run(do_group_rollout(group, policy))
    assert len(policy.asked) == 6
    assert "step 1" in policy.asked[3]  # What came of the first turn.
    for trajectory, reply in zip(done.trajectories_G, REPLIES, strict=True):
        got = [(t.reward, t.episode_done) for t in trajectory.transitions]
        assert got == alone(6, [reply, reply])
    assert done.get_total_rewards()[2] == sum(reward for reward, _ in alone(6, [REPLIES[2]] * 2))
