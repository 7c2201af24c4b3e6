"""Jobs whose process dies; importable by spawned workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from teachgym.benchmarks.runner import Job, do


def die_once(job: Job) -> Job:
    """The first worker that gets the job is killed before it is done, and leaves a mark."""
    mark = Path(job.folder).with_suffix(".mark")
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return do(job)


def die_always(job: Job) -> Job:
    """Never done."""
    os.kill(os.getpid(), signal.SIGKILL)
    return job


def fail(job: Job) -> Job:
    """Jobs of seed 0 are refused, the others done."""
    if job.config["seed"] == 0:
        raise ValueError("seed 0 is not liked")
    return do(job)
