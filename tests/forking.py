"""Workers of benches that are forked from a process which has loaded what they need."""

from __future__ import annotations

import multiprocessing
from contextlib import chdir
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

LOADED = ("teachgym.benchmarks.bench.jobs", "teachgym.gate", "teachgym.tasks", "teachgym.training")


@cache
def forking(_: str) -> BaseContext:
    """A context for ``multiprocessing``, in place of the one that was asked for.

    The process is begun where this checkout is, whose modules it shall find.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    with chdir(Path(__file__).parents[1]):
        forkserver.ensure_running()
    return context
