"""Runs the cells of a suite, each in its own folder, so that nothing is ever done twice.

A suite's folder holds ``suite.json`` and a run's folder for each cell. Cells that are finished
are read, cells that were begun are resumed, and the others are run: killed at any moment, the same
command goes on, and the outcome is that of an uninterrupted run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path
from typing import Literal

from teachgym import experiment
from teachgym.benchmarks.jobs import (
    Group,
    Job,
    do,
    do_group,
    group_jobs,
    is_done,
    require_same,
)
from teachgym.benchmarks.suites import Cell, Suite
from teachgym.errors import RunError
from teachgym.runs.files import read_json, write_json
from teachgym.runs.result import RunResult
from teachgym.workers import worker_pool

Status = Literal["missing", "begun", "finished"]

RETRIES = 2
"""How often a cell is tried again whose worker died."""

Execute = Callable[[Sequence[Job]], Iterator[Job]]
"""Does the jobs in any order, and yields each when it is done."""


def prepare(suite: Suite, folder: Path) -> None:
    """Make the suite's folder, or see that it is that suite's; note the arms and seeds in it.

    Arms that were run there before stay noted.

    Raises:
        RunError: if the folder holds another suite, another version of it, or runs with other
            settings.
    """
    path = folder / "suite.json"
    if path.exists():
        written = read_suite(folder)
        _check_same(suite, written, folder)
        arms = {arm.name: arm for arm in (*written.arms, *suite.arms)}
        seeds = max(written.seeds, suite.seeds)
        suite = replace(suite, arms=tuple(arms.values()), seeds=seeds)
        for cell in suite.cells():
            status(cell, folder)  # Before anything is written down that would be wrong.
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, suite.to_json())


def read_suite(folder: Path) -> Suite:
    """The suite that was run in a folder, with all arms that ever were.

    Raises:
        RunError: if none was.
    """
    return Suite.of(read_json(folder / "suite.json"))


def status(cell: Cell, folder: Path) -> Status:
    """How far a cell is.

    Raises:
        RunError: if its folder holds a run with other settings.
    """
    own = folder / cell.path
    if not (own / "config.json").exists():
        return "missing"
    require_same(cell.config, own)
    return "finished" if experiment.is_finished(own) else "begun"


def run_suite(suite: Suite, folder: Path, execute: Execute) -> Iterator[Cell]:
    """Run what is not finished, and yield each cell when it is.

    Raises:
        RunError: if the folder holds another suite, or a run with other settings.
    """
    prepare(suite, folder)
    todo = {
        str(folder / cell.path): cell
        for cell in suite.cells()
        if status(cell, folder) != "finished"
    }
    jobs = [Job(cell.config.to_json(), path) for path, cell in todo.items()]
    for job in execute(jobs):
        yield todo[job.folder]


def read_results(suite: Suite, folder: Path) -> dict[tuple[str, int], RunResult]:
    """Results of the finished cells by name of the arm and seed."""
    return {
        (cell.arm.name, cell.seed): experiment.read_result(folder / cell.path)
        for cell in suite.cells()
        if status(cell, folder) == "finished"
    }


def do_here(jobs: Sequence[Job]) -> Iterator[Job]:
    """One after another in this process."""
    return map(do, jobs)


@dataclass(frozen=True)
class Processes:
    """Several at a time in processes of this machine.

    Cells whose worker dies are tried again in a new one, ``RETRIES`` times; a cell that fails by
    itself is not, and its error is raised when the others are done.
    """

    workers: int = 2
    """Processes, >= 1."""
    gpus: Sequence[str] = ()
    """GPUs to use instead, one process each."""
    together: int = 1
    """Cells at most that a process does side by side, >= 1; see ``jobs.group_jobs``."""
    task: Callable[[Group], None] = do_group
    """What a process does with a group of jobs."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """See ``Execute``."""
        left, deaths = list(jobs), 0
        while left:
            try:
                for job in self._pass(left):
                    left.remove(job)
                    yield job
            except BrokenProcessPool:
                deaths += 1
                if deaths > RETRIES:
                    raise

    def _pass(self, jobs: Sequence[Job]) -> Iterator[Job]:
        failures: list[BaseException] = []
        todo = deque(group_jobs(jobs, self.together))
        running: dict[Future[None], Group] = {}
        with _stoppable_pool(self.workers, self.gpus) as pool:
            while todo or running:
                while todo and len(running) < (len(self.gpus) or self.workers):
                    group = todo.popleft()
                    running[pool.submit(self.task, group)] = group
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    group, error = running.pop(future), future.exception()
                    if error is None:
                        yield from group
                    elif isinstance(error, BrokenProcessPool):
                        raise error
                    else:
                        failures.append(error)
                        yield from filter(is_done, group)
        if failures:
            raise failures[0]


@contextmanager
def _stoppable_pool(workers: int, gpus: Sequence[str]) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once where it is left before its time.

    An interruption from the terminal reaches them too, and a pool that waits for processes of
    which some have died of it may wait forever.
    """
    others = active_children()
    with worker_pool(workers, gpus) as pool:
        try:
            yield pool
        except BaseException:
            for child in active_children():
                if child not in others:
                    child.kill()  # Every cell goes on where its folder ends.
            raise


def _check_same(suite: Suite, written: Suite, folder: Path) -> None:
    """Arms and seeds may differ, what decides a cell may not: ``status`` sees to that."""
    if (written.name, written.version) != (suite.name, suite.version):
        raise RunError(
            f"{folder} holds suite {written.name} version {written.version}, not {suite.name} "
            f"version {suite.version}; give another folder"
        )
