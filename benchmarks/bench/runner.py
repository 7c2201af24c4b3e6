"""Runs the cells of a suite, each in its own folder, so that nothing is ever done twice.

A suite's folder holds ``suite.json`` and a run's folder for each cell. Cells that are finished
are read, cells that were begun are resumed, and the others are run: killed at any moment, the same
command goes on, and the outcome is that of an uninterrupted run.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path
from typing import Literal

from rich.console import Console

from teachgym import experiment
from teachgym.benchmarks.bench.jobs import (
    Group,
    Job,
    Outcome,
    do_group,
    give_up,
    group_jobs,
    require_same,
    require_unchanged,
)
from teachgym.benchmarks.bench.suites import Cell, Suite
from teachgym.errors import ConfigError, RunError
from teachgym.records import Record
from teachgym.runs.config import RunConfig
from teachgym.runs.files import read_json, write_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.lock import holding
from teachgym.runs.result import RunResult
from teachgym.workers import worker_pool

Status = Literal["missing", "begun", "finished"]

RETRIES = 2
"""The number of times that a group of cells is tried again after its worker died."""

LOST = "its worker died; if memory ran out, give fewer --workers or a smaller --together"
"""The message for a cell that no worker survives."""

Results = Mapping[tuple[str, int], RunResult]
"""Results by name of the arm and seed; unfinished cells are left out."""

Execute = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Does the jobs in any order, and yields the outcome of each when it is known."""


def prepare(suite: Suite, folder: Path) -> None:
    """Make the suite's folder, or see that it is that suite's; note the arms and seeds in it.

    Arms that were run there before stay noted.

    Raises:
        RunError: if the folder holds another suite, another version of it, or runs with other
            settings or of files that have changed, or if another process works on it.
    """
    path, wanted = folder / "suite.json", suite.cells()
    folder.mkdir(parents=True, exist_ok=True)
    with holding(folder, "bench"):
        if path.exists():
            written = read_suite(folder, suite)
            arms = {arm.name: arm for arm in (*written.arms, *suite.arms)}
            claims = tuple(dict.fromkeys((*written.claims, *suite.claims)))
            suite = replace(suite, arms=tuple(arms.values()), claims=claims)
            suite = suite.with_seeds({*written.all_seeds, *suite.all_seeds})
            # Before anything is written down that would be wrong.
            found = {cell.path: status(cell, folder) for cell in suite.cells()}
            finished = (cell.path for cell in wanted if found[cell.path] == "finished")
            require_unchanged(folder / run for run in finished)
        write_json(path, suite.to_json())


def read_suite(folder: Path, wanted: Suite | None = None) -> Suite:
    """The suite that was run in a folder, with all arms that ever were.

    Raises:
        RunError: if none was, its record is damaged, or it is another one, or another version,
            than ``wanted``.
    """
    path = folder / "suite.json"
    if not path.exists():
        raise RunError(f"{folder} holds no bench (it has no suite.json); check the path")
    record = read_json(path)
    try:
        if wanted is not None:
            _check_same(wanted, record, folder)
        return Suite.of(record)
    except ConfigError as error:
        raise RunError(
            f"{path} is damaged or of another version of teachgym ({error!r}); restore it from a "
            "copy, or give another folder"
        ) from error


def status(cell: Cell, folder: Path) -> Status:
    """The state of a cell.

    Raises:
        RunError: if its folder holds a run with other settings.
    """
    own = folder / cell.path
    if not (own / "config.json").exists():
        return "missing"
    require_same(cell.config, own)
    return "finished" if experiment.is_finished(own) else "begun"


def check_arms(suite: Suite) -> None:
    """Check the configuration of every arm, as far as that can be done without a student.

    Raises:
        TeachgymError: as ``experiment.check_config`` does.
    """
    for cell in replace(suite, seeds=1).cells():
        # As the processes that run it will read it: what has no name cannot be sent there.
        experiment.check_config(RunConfig.of(cell.config.to_json()))


def run_suite(suite: Suite, folder: Path, execute: Execute) -> Iterator[Cell]:
    """Run what is not finished, and yield each cell when it is.

    What is wrong with the suite or its folder is raised by the call itself, before anything is
    written; a cell that fails keeps no other from being run, and is told of at the end.

    Raises:
        TeachgymError: for settings of an arm that ``experiment.check_config`` refuses.
        RunError: if the folder holds another suite, or a run with other settings; at the end, if
            cells failed. Its notes say where, for errors that nobody foresaw.
    """
    check_arms(suite)
    prepare(suite, folder)
    todo = {
        str(folder / cell.path): cell
        for cell in suite.cells()
        if status(cell, folder) != "finished"
    }
    return _hold_and_run(folder, todo, execute)


def _hold_and_run(folder: Path, todo: Mapping[str, Cell], execute: Execute) -> Iterator[Cell]:
    with holding(folder, "bench"):
        yield from _run_cells(todo, execute)


def _run_cells(todo: Mapping[str, Cell], execute: Execute) -> Iterator[Cell]:
    failures = []
    for outcome in execute([Job(cell.config.to_json(), path) for path, cell in todo.items()]):
        if outcome.error:
            failures.append(outcome)
        else:
            yield todo[outcome.folder]
    if failures:
        first = failures[0]
        error = RunError(
            f"{len(failures)} of {len(todo)} runs failed; first {first.folder}: {first.error}"
        )
        for trace in dict.fromkeys(failure.trace for failure in failures if failure.trace):
            error.add_note(trace)
        raise error


def read_results(suite: Suite, folder: Path) -> dict[tuple[str, int], RunResult]:
    """Results of the finished cells by name of the arm and seed.

    The clock of runs made together counts for each of them; here they have their shares of it.
    """
    return {
        (cell.arm.name, cell.seed): _read_result(folder / cell.path)
        for cell in suite.cells()
        if status(cell, folder) == "finished"
    }


def print_asked(about: str, tell: Callable[[Suite, Results, Path], Iterable[str]]) -> None:
    """Print what there is to tell of the suite whose folder the command line names.

    Args:
        about: what the command does.
        tell: texts from the suite, its results and its folder.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path, help="of the suite's runs")
    folder = parser.parse_args().folder
    suite = read_suite(folder)
    for text in tell(suite, read_results(suite, folder), folder):
        Console().print(text, highlight=False, soft_wrap=True)


def read_states(
    suite: Suite, folder: Path, results: Mapping[tuple[str, int], RunResult]
) -> dict[tuple[str, int], Status]:
    """The state of each cell, by name of the arm and seed; those with results are finished."""
    cells = {(cell.arm.name, cell.seed): cell for cell in suite.cells()}
    return {
        key: "finished" if key in results else status(cell, folder) for key, cell in cells.items()
    }


def _read_result(run: Path) -> RunResult:
    result = experiment.read_result(run)
    return replace(result, spent=replace(result.spent, seconds=result.spent.seconds * _share(run)))


def read_seconds(run: Path) -> float:
    """Wall-clock seconds of the process that finished a run: also for what no budget counts.

    That is loading, the exam, and what the teacher thinks. Of runs made together their shares.
    """
    return Journal(RunFolder.open(run).journal).seconds * _share(run)


def _share(run: Path) -> float:
    """A run's share of the clock, by how many it was begun with."""
    return 1 / int(read_json(run / "config.json").get("together", 1))


@dataclass(frozen=True)
class Processes:
    """Several at a time in processes of this machine.

    When a worker dies, nobody knows whose it was: all groups that were on are tried again when
    the others are done, one at a time, ``RETRIES`` times at most. A cell that fails by itself is
    not tried again.

    Raises:
        ConfigError: for fewer than one process.
    """

    workers: int = 2
    """Processes, >= 1."""
    gpus: Sequence[str] = ()
    """GPUs to use instead, one process each."""
    together: int = 1
    """Cells at most that a process does side by side, >= 1; see ``jobs.group_jobs``."""
    task: Callable[[Group], Sequence[Outcome]] = do_group
    """The work of a process on a group of jobs."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; it must be 1 or more")

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """See ``Execute``."""
        todo, suspects = deque(group_jobs(jobs, self.together)), list[Group]()
        while todo:
            suspects += yield from self._pass(todo)
        for group in suspects:
            yield from self._retry(group)

    def _retry(self, group: Group) -> Iterator[Outcome]:
        for _ in range(RETRIES):
            if not (yield from self._pass(deque([group]))):
                return
        yield from give_up(group, LOST)

    def _pass(self, todo: deque[Group]) -> Generator[Outcome, None, list[Group]]:
        """Do groups from the left of ``todo``; where a worker dies, return those that were on."""
        running: dict[Future[Sequence[Outcome]], Group] = {}
        try:
            with _stoppable_pool(self.workers, self.gpus) as pool:
                while todo or running:
                    while todo and len(running) < (len(self.gpus) or self.workers):
                        future = pool.submit(self.task, todo[0])
                        running[future] = todo.popleft()
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        outcomes = future.result()
                        del running[future]
                        yield from outcomes
        except BrokenProcessPool:
            pass
        return list(running.values())


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


def _check_same(suite: Suite, written: Record, folder: Path) -> None:
    """Arms and seeds may differ, what decides a cell may not: ``status`` sees to that."""
    name, version = written["name"], written["version"]
    if (name, version) != (suite.name, suite.version):
        raise RunError(
            f"{folder} holds suite {name} version {version}, not {suite.name} version "
            f"{suite.version}; give another folder"
        )
