"""Cells over a Ray cluster: ``teachgym bench SUITE --ray [ADDRESS]``.

Ray is an existing engine for work on many machines and an optional extra. The folder of the suite
must be on a file system that all machines share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.benchmarks.bench.jobs import Job, Outcome, do_group, give_up, group_jobs
from teachgym.benchmarks.bench.runner import RETRIES
from teachgym.errors import require_packages
from teachgym.workers import VISIBLE


@dataclass(frozen=True)
class OverRay:
    """Groups of cells as tasks of a Ray cluster; those of a lost worker are tried again.

    That is done ``RETRIES`` times; a cell goes on where its folder ends.
    """

    address: str | None = None
    """The address of the cluster, e.g. ``auto`` or ``ray://host:10001``; None = a new one on this
    machine."""
    cpus: float = 1
    """CPUs that each task reserves, > 0."""
    gpus: float = 0
    """GPUs that each task reserves, >= 0; fractions share one. A task that reserves none sees
    none."""
    together: int = 1
    """Cells at most that a task does side by side, >= 1; see ``jobs.group_jobs``."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """See ``runner.Execute``."""
        require_packages("ray", "ray")
        import ray

        if ours := not ray.is_initialized():
            ray.init(address=self.address, include_dashboard=False, log_to_driver=False)
        try:
            yield from self._pass(ray, jobs)
        finally:
            if ours:
                ray.shutdown()

    def _pass(self, ray: Any, jobs: Sequence[Job]) -> Iterator[Outcome]:
        # Ray 2.60 shows all GPUs of a machine to a task that reserves none.
        hidden = {} if self.gpus else {"env_vars": {VISIBLE: ""}}
        task = ray.remote(do_group).options(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            max_retries=RETRIES,
            retry_exceptions=False,
            runtime_env=hidden,
        )
        groups = {task.remote(group): group for group in group_jobs(jobs, self.together)}
        waiting = list(groups)
        while waiting:
            (done,), waiting = ray.wait(waiting)
            try:
                outcomes = ray.get(done)
            except ray.exceptions.RayError as error:
                outcomes = give_up(groups[done], f"its worker was lost: {error}")
            yield from outcomes
