"""Workers that see one device each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from teachgym import workers
from teachgym.workers import VISIBLE, worker_pool


@pytest.fixture(autouse=True)
def _start_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users' workers do."""
    monkeypatch.setattr(workers, "multiprocessing", multiprocessing)


def device(rendezvous: Path) -> tuple[str, int]:
    """The worker's device and process, once two workers have begun: none does all the work."""
    (rendezvous / str(os.getpid())).touch()
    wait_for(lambda: len(list(rendezvous.iterdir())) == 2, "the second worker does not begin")
    return os.environ[VISIBLE], os.getpid()


def wait_for(reached: Callable[[], bool], what: str) -> None:
    """Return when it is so; the minute is for a machine that is busy with other things."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_each_worker_sees_a_gpu_of_its_own(tmp_path: Path) -> None:
    with worker_pool(9, gpus=[3, "5"]) as pool:
        seen = set(pool.map(device, [tmp_path] * 6))
    assert {gpu for gpu, _ in seen} == {"3", "5"}
    assert len(seen) == 2  # always the same process for the same device


def test_without_gpus_there_are_as_many_workers_as_asked_for() -> None:
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


PARENT = """
import os, sys, time
from teachgym.workers import worker_pool

if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not _lives(worker), "the worker goes on without its parent")


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
