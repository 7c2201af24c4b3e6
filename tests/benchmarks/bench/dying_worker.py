"""Groups whose process dies or dawdles; importable by spawned workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from teachgym.benchmarks.bench.jobs import Group, Outcome, do_group


def die_once(group: Group) -> Sequence[Outcome]:
    """The first worker that gets the group is killed before it is done, and leaves a mark."""
    mark = Path(group[0].folder).with_suffix(".mark")
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return do_group(group)


def die_of_weak(group: Group) -> Sequence[Outcome]:
    """Every worker is killed that gets a group with seed 0 of arm ``weak``; it leaves marks."""
    for job in group:
        if job.config["name"].endswith("weak/seed_00"):
            marks = Path(job.folder).parent
            marks.mkdir(parents=True, exist_ok=True)
            (marks / f"{os.getpid()}.mark").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return do_group(group)


def dawdle(group: Group) -> Sequence[Outcome]:
    """Groups with a job of seed 0 are done, the others never."""
    while all(job.config["seed"] != 0 for job in group):
        time.sleep(1)
    return do_group(group)
