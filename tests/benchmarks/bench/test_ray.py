"""Cells over a Ray cluster of this machine are the cells of this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.ray import OverRay
from tests.benchmarks.bench.small_bench import SUITE, run_all, scores


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own.
def test_a_local_cluster_gives_what_this_process_gives(tmp_path: Path) -> None:
    ray: Any = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        done = run_all(SUITE, tmp_path / "ray", OverRay())
    finally:
        ray.shutdown()
    assert len(done) == 4
    run_all(SUITE, tmp_path / "here")
    assert scores(SUITE, tmp_path / "ray") == scores(SUITE, tmp_path / "here")
