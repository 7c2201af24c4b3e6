"""Workers that see one device each."""

from __future__ import annotations

import os
import time

from teachgym.workers import VISIBLE, worker_pool


def device(pause: float) -> tuple[str, int]:
    time.sleep(pause)
    return os.environ[VISIBLE], os.getpid()


def test_each_worker_sees_a_gpu_of_its_own() -> None:
    with worker_pool(9, gpus=[3, "5"]) as pool:
        seen = set(pool.map(device, [0.3] * 6))
    assert {gpu for gpu, _ in seen} == {"3", "5"}
    assert len(seen) == 2  # always the same process for the same device


def test_without_gpus_there_are_as_many_workers_as_asked_for() -> None:
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
