"""The examples for SkyRL, verl and OpenRLHF, on stand-ins of their documented interfaces.

None of the three is installed here. A stand-in has the names and signatures of the sources that
the examples name (skyrl-gym 0.3, verl and OpenRLHF of November 2026), and calls the example as
the trainer's rollout does; what a trainer does beyond that is not tried.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from tests.bridges.test_sessions import REPLIES, SMALL, alone

EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = {key: value for key, value in SMALL.items() if key not in ("observation", "action")}


def load(name: str, monkeypatch: pytest.MonkeyPatch, **packages: dict[str, Any]) -> Any:
    """An example, which finds stand-ins in the place of the packages that it imports."""
    for path, names in packages.items():
        parts = path.split("__")
        for depth in range(1, len(parts) + 1):
            module = ModuleType(".".join(parts[:depth]))
            vars(module).update(names if depth == len(parts) else {})
            monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(example, "SETTINGS", SETTINGS)
    return example


def test_skyrl_steps_environments_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class BaseTextEnv:
        def __init__(self) -> None:
            self.turns, self.max_turns = 0, 1

    names = {"BaseTextEnv": BaseTextEnv, "BaseTextEnvStepOutput": dict}
    example = load("teacher_in_skyrl", monkeypatch, skyrl_gym__envs__base_text_env=names)
    row = {"seed": 3, "extra_info": {}}
    envs = [example.TeacherEnv(SimpleNamespace(), row) for _ in range(2)]
    assert envs[0].max_turns == 2
    conversation, _ = envs[0].init([{"role": "user", "content": "of the row"}])
    assert [message["role"] for message in conversation] == ["system", "user"]

    def episode(env: Any, replies: list[str]) -> list[tuple[float, bool]]:
        steps = [env.step(reply) for reply in replies]
        assert [len(step["observations"]) for step in steps] == [1, 0]
        env.close()
        return [(step["reward"], step["done"]) for step in steps]

    tried = [[REPLIES[0], REPLIES[1]], [REPLIES[1], REPLIES[0]]]
    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(episode, envs, tried))
    assert got == [alone(3, replies) for replies in tried]


def test_verl_runs_loops_as_coroutines(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class AgentLoopOutput:
        prompt_ids: list[int]
        response_ids: list[int]
        response_mask: list[int]
        metrics: dict[str, Any]
        response_logprobs: list[float] | None = None
        reward_score: float | None = None
        num_turns: int = 0
        extra_fields: dict[str, Any] = field(default_factory=dict)

    class AgentLoopBase:
        tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(map(chr, ids)))

        def __init__(self, reply: str) -> None:
            self.reply = reply
            self.server_manager = self

        async def apply_chat_template(self, messages: list[dict[str, str]]) -> list[int]:
            return [ord(c) for message in messages for c in message["content"]]

        async def generate(
            self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any]
        ) -> Any:
            assert "budget left" in "".join(map(chr, prompt_ids))
            return SimpleNamespace(token_ids=list(map(ord, self.reply)), log_probs=None)

    known: dict[str, Any] = {}

    def register(name: str) -> Any:
        return lambda kind: known.setdefault(name, kind)

    names = {
        "AgentLoopBase": AgentLoopBase,
        "AgentLoopOutput": AgentLoopOutput,
        "register": register,
    }
    load("teacher_in_verl", monkeypatch, verl__experimental__agent_loop__agent_loop=names)
    loop = known["teachgym"]

    async def batch() -> list[AgentLoopOutput]:
        runs = (loop(reply).run({"temperature": 1.0}, seed=3, raw_prompt=[]) for reply in REPLIES)
        return list(await asyncio.gather(*runs))

    for output, reply in zip(asyncio.run(batch()), REPLIES, strict=True):
        assert output.reward_score == alone(3, [reply])[0][0]
        assert output.response_mask == [1] * len(reply)


def test_openrlhf_executes_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    class AgentInstanceBase:
        pass

    class MultiTurnAgentExecutor:
        def __init__(self, agent_instance_cls: Any) -> None:
            assert issubclass(agent_instance_cls, AgentInstanceBase)
            self.agent_instance_cls = agent_instance_cls

        async def execute(self, prompt: str, label: str, replies: list[str]) -> Any:
            """Ask for replies until the instance is done, as the executor of OpenRLHF does."""
            instance = self.agent_instance_cls()
            states = {"observation": prompt, "label": label}
            text, total, ends = (await instance.reset(states))["observation"], [], []
            for reply in replies:
                found = await instance.step(
                    {"observation_text": text, "action_text": reply, "label": label}
                )
                assert isinstance(found["rewards"], torch.Tensor)
                total.append(found["rewards"].item())
                text += reply + found["environment_feedback"]
                ends.append(found["done"])
            return text, total, ends

    names = {
        "AgentInstanceBase": AgentInstanceBase,
        "MultiTurnAgentExecutor": MultiTurnAgentExecutor,
    }
    example = load("teacher_in_openrlhf", monkeypatch, openrlhf__utils__agent=names)
    executor, tried = example.AgentExecutor(), [[REPLIES[0], REPLIES[1]], [REPLIES[2], REPLIES[0]]]

    async def batch() -> Any:
        return await asyncio.gather(*(executor.execute("", "3", replies) for replies in tried))

    for (text, rewards, ends), replies in zip(asyncio.run(batch()), tried, strict=True):
        expected = alone(3, replies)
        assert rewards == pytest.approx([reward for reward, _ in expected], abs=1e-7)
        assert ends == [end for _, end in expected]
        assert text.count("budget left") == 2
