"""``Sandbox``: programs run side by side, by workers that are kept."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import LifoQueue
from typing import Any

from teachgym.errors import ConfigError, TeachgymError
from teachgym.sandbox.process import Job, Outcome, Process
from teachgym.sandbox.providers import Provider, providers
from teachgym.shown import shown

_MOST_PROCESSES = 4
_HINT = "pip install 'teachgym[code]' (Linux 6.7 or newer), or: apt install bubblewrap"


class Sandbox:
    """Runs programs in the sandbox of a provider, for any number of threads.

    Attributes:
        provider: its name and version, which every ``Outcome`` has too.
    """

    def __init__(self, provider: Provider, first: Process, size: int) -> None:
        self.provider = provider.name
        self._processes = (first, *(Process(provider) for _ in range(size - 1)))
        # Last in, first out: who runs one program at a time needs one worker in all.
        self._idle: LifoQueue[Process] = LifoQueue()
        for process in reversed(self._processes):
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(size)

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """The outcome of each job, in their order; jobs run side by side."""
        if len(jobs) < 2:
            return [self._run(job) for job in jobs]
        return list(self._threads.map(self._run, jobs))

    def close(self) -> None:
        """Kill the workers."""
        for process in self._processes:
            process.stop()

    def _run(self, job: Job) -> Outcome:
        process = self._idle.get()
        try:
            return process.run(job)
        except BaseException:
            process.stop()  # Else the next program would hear what this one was told.
            raise
        finally:
            self._idle.put(process)


def open_sandbox(named: Any = "auto") -> Sandbox:
    """The sandbox of the first provider that holds, shared by all its users.

    Args:
        named: ``auto``, a provider in one of the ways of ``teachgym.registry``, or the words of a
            command that starts ``python3`` in a container.

    Raises:
        ConfigError: if none holds; programs are never run without walls.
    """
    key = tuple(named) if isinstance(named, list) else named
    # By process: a fork has none of its parent's threads, and must not speak in its pipes.
    return _opened(key, os.getpid())


@cache
def _opened(named: Any, pid: int) -> Sandbox:
    faults = []
    for provider in providers(named):
        process = Process(provider)
        try:
            process.start()
            outcome = process.run(Job("f = lambda: 6 * 7", "f", ((),)))
            if outcome.answers[0].value != 42:
                raise ConfigError(f"{provider.name} does not run programs: {outcome.fault}")
        except (TeachgymError, OSError) as error:
            process.stop()
            faults.append(str(error))
            continue
        sandbox = Sandbox(provider, process, min(_MOST_PROCESSES, os.cpu_count() or 1))
        atexit.register(sandbox.close)
        return sandbox
    raise ConfigError(
        f"no sandbox to run programs in (sandbox={shown(named)}): {'; '.join(faults)}. {_HINT}"
    )
