"""Cells over a Ray cluster: ``teachgym bench SUITE --ray [ADDRESS]``.

Ray is an existing engine for work on many machines and an optional extra. The folder of the suite
must be on a file system that all machines share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.benchmarks.runner import RETRIES, Job, do
from teachgym.errors import missing_extra


@dataclass(frozen=True)
class OverRay:
    """Cells as tasks of a Ray cluster; a lost worker's cell is tried again, ``RETRIES`` times."""

    address: str | None = None
    """Of the cluster, e.g. ``auto`` or ``ray://host:10001``; None = a new one on this machine."""
    cpus: float = 1
    """CPUs that each cell reserves, > 0."""
    gpus: float = 0
    """GPUs that each cell reserves, >= 0; fractions share one."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """See ``runner.Execute``; errors of cells are raised when the others are done."""
        ray = _import_ray()
        if ours := not ray.is_initialized():
            ray.init(address=self.address, include_dashboard=False, log_to_driver=False)
        try:
            yield from self._pass(ray, jobs)
        finally:
            if ours:
                ray.shutdown()

    def _pass(self, ray: Any, jobs: Sequence[Job]) -> Iterator[Job]:
        task = ray.remote(do).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RETRIES, retry_exceptions=False
        )
        waiting, failures = [task.remote(job) for job in jobs], []
        while waiting:
            (done,), waiting = ray.wait(waiting)
            try:
                yield ray.get(done)
            except ray.exceptions.RayError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise missing_extra("ray", "ray") from error
    return ray
