"""verifiers: its own evaluation, against a model on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridges.test_sessions import REPLIES, SMALL, alone
from tests.chat.loopback import serve

pytest.importorskip("verifiers.v1")


@pytest.mark.servers
def test_an_evaluation_measures_what_replies_are_worth(tmp_path: Path) -> None:
    settings = {key: value for key, value in SMALL.items() if key not in ("observation", "action")}
    evaluate = Path(sys.executable).with_name("vf-eval")
    with serve(lambda _: REPLIES[0]) as server:
        done = subprocess.run(
            [
                *(evaluate, "teachgym-verifiers", "-n", "2", "-r", "2", "-m", "scripted"),
                *("--client.base-url", server.url, "--client.api-key-var", "A_KEY"),
                *("--env.taskset.settings", json.dumps(settings), "--env.taskset.first-seed", "5"),
                *("--env.teacher.runtime.type", "subprocess", "--push", "False"),
            ],
            cwd=tmp_path,
            env={**os.environ, "A_KEY": "none", "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    (traces,) = tmp_path.glob("outputs/*/traces.jsonl")
    episodes = [json.loads(line) for line in traces.read_text().splitlines()]
    got = sorted(
        (episode["task"]["data"]["seed"], trace["rewards"]["teaching"]["score"])
        for episode in episodes
        for trace in episode["traces"]
    )
    worth = {seed: sum(r for r, _ in alone(seed, [REPLIES[0]] * 2)) for seed in (5, 6)}
    assert got == [(seed, worth[seed]) for seed in (5, 5, 6, 6)]
