"""Cells over a Ray cluster are those of this process, and have GPUs of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.ray import OverRay
from teachgym.benchmarks.bench.suites import Arm
from tests.benchmarks.bench.small_bench import SUITE, run_all, scores

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own.
]

SEEING = """
import os
from pathlib import Path
from time import monotonic, sleep

from teachgym.agents import make_teacher


def seeing(env, *, folder: str, other: str = ""):
    Path(folder).write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    end = monotonic() + 60
    while other and not Path(other).exists() and monotonic() < end:
        sleep(0.1)  # so that both cells are under way at once
    return make_teacher("uniform", env)
"""


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Two CPUs, and two GPUs that are only said to be there."""
    ray: Any = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # the tests are shown none
        ray.init(num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_a_local_cluster_gives_what_this_process_gives(ray: Any, tmp_path: Path) -> None:
    done = run_all(SUITE, tmp_path / "ray", OverRay())
    assert len(done) == 4
    run_all(SUITE, tmp_path / "here")
    assert scores(SUITE, tmp_path / "ray") == scores(SUITE, tmp_path / "here")


def what_cells_see(tmp_path: Path, gpus: float) -> list[str]:
    """The GPUs that the workers of two cells, which wait for each other, may see."""
    (tmp_path / "seeing.py").write_text(SEEING)
    files = [str(tmp_path / name) for name in ("first", "second")]
    arms = tuple(
        Arm(
            f"arm-{number}",
            f"{tmp_path / 'seeing.py'}:seeing",
            {"folder": own, "other": other},
        )
        for number, (own, other) in enumerate((files, files[::-1]))
    )
    suite = replace(SUITE, arms=arms, seeds=1, reference="arm-0")
    assert len(run_all(suite, tmp_path / "cells", OverRay(gpus=gpus))) == 2
    return sorted(Path(file).read_text() for file in files)


def test_cells_at_once_have_a_gpu_each(ray: Any, tmp_path: Path) -> None:
    assert what_cells_see(tmp_path, 1) == ["0", "1"]


def test_cells_share_a_gpu_in_fractions(ray: Any, tmp_path: Path) -> None:
    """Half of a GPU each: Ray fills one before it takes the other."""
    assert what_cells_see(tmp_path, 0.5) == ["0", "0"]


def test_cells_that_reserve_no_gpu_see_none(ray: Any, tmp_path: Path) -> None:
    assert what_cells_see(tmp_path, 0) == ["", ""]
