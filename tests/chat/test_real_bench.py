"""A bench whose teacher is a model behind a server that others wrote, killed and gone on with.

The model has random weights, so that no reply is a plan: nothing is taught, and what counts is
what is asked, charged, kept and told.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat.real_servers import transformers_serve
from tests.chat.test_real_servers import TEMPLATES, save_model

pytestmark = pytest.mark.servers

N_CALLS, N_TOKENS = 6, 16
"""The budget of a run, and the limit of a reply."""
ARMS = ("skill-list-no-state", "skill-list-with-state")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The server's address, its model and its log."""
    folder = tmp_path_factory.mktemp("bench-server")
    model = save_model(folder / "model", TEMPLATES["plain"])
    with transformers_serve(folder / "serve", model) as url:
        yield url, model, folder / "serve" / "log.txt"


def command(url: str, model: Path, out: Path, *options: str) -> list[str]:
    settings = {
        "chat.json_schema": "never",
        "chat.max_tokens": N_TOKENS,
        "chat.workers": 1,
        "chat.prices": json.dumps({"in": 1.0, "out": 1000.0}),
        "budget.teacher_calls": N_CALLS,
        "budget.examples": 24,
        "examples_per_step": 24,
    }
    return [
        *(sys.executable, "-m", "teachgym", "bench", "dataenvgym-math-embedded"),
        *("--arm", ARMS[1], "--seeds", "1", "--limit", "24", "--workers", "1", "--out", str(out)),
        *("--chat", "openai", "--chat-base-url", url, "--chat-model", str(model)),
        *(part for key, value in settings.items() for part in ("--set", f"{key}={value}")),
        *options,
    ]


def call(*arguments: str) -> str:
    done = subprocess.run(arguments, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def _environment() -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": "none", "COLUMNS": "250", "OMP_NUM_THREADS": "1"}


def n_asked(log: Path) -> int:
    return log.read_text().count("POST /v1/chat/completions")


def test_a_bench_is_forecast_killed_gone_on_with_and_reported(
    served: tuple[str, Path, Path], tmp_path: Path
) -> None:
    url, model, log = served
    out = tmp_path / "bench"
    mine = command(url, model, out)
    plan = call(*mine, "--dry-run")
    assert f"{', '.join(ARMS)}: a run may cost {N_CALLS} teacher calls, by its budget" in plan
    assert f"by their budgets at most {2 * N_CALLS} teacher calls in all" in plan
    assert not n_asked(log)

    begun = subprocess.Popen(mine, env=_environment(), start_new_session=True)
    while n_asked(log) < 2 and begun.poll() is None:
        time.sleep(0.05)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert not (out / "leaderboard.md").exists()

    said = call(*mine)
    # The call that was in flight is asked again, and no other.
    assert 2 * N_CALLS <= n_asked(log) <= 2 * N_CALLS + 1
    assert "skill-list-with-state" in said
    assert (out / "report.html").stat().st_size > 10_000
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {line["arm"] for line in lines} == {*ARMS, "no-data"}
    for line in (line for line in lines if line["arm"] in ARMS):
        assert line["teacher_calls"] == N_CALLS
        assert line["teacher_tokens_out"] == N_CALLS * N_TOKENS
        price = line["teacher_tokens_in"] * 1e-6 + line["teacher_tokens_out"] * 1e-3
        assert line["dollars"] == pytest.approx(price)
        assert line["test_after"] == line["test_before"]

    asked = n_asked(log)
    assert "0 of 3 runs are left" in call(*mine, "--dry-run")
    more = call(*mine, "--dry-run", "--seeds", "2")
    assert f"and {2 * N_CALLS * N_TOKENS} out" in more
    call(*mine)
    assert n_asked(log) == asked
