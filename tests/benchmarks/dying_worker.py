"""Groups whose process dies or dawdles; importable by spawned workers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from teachgym.benchmarks.jobs import Group, do_group


def die_once(group: Group) -> None:
    """The first worker that gets the group is killed before it is done, and leaves a mark."""
    mark = Path(group[0].folder).with_suffix(".mark")
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    do_group(group)


def die_always(group: Group) -> None:
    """Never done."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(group: Group) -> None:
    """Groups with a job of seed 0 are refused, the others done."""
    if any(job.config["seed"] == 0 for job in group):
        raise ValueError("seed 0 is not liked")
    do_group(group)


def dawdle(group: Group) -> None:
    """Groups with a job of seed 0 are done, the others never."""
    while all(job.config["seed"] != 0 for job in group):
        time.sleep(1)
    do_group(group)
