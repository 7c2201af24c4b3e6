"""The bar of a bench: which runs are under way, how far they are, and what part is done."""

from __future__ import annotations

import json
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.cli.bench_progress import MOST, BenchProgress, steps_of
from teachgym.runs.lock import holding

SUITE = Suite(
    "brief",
    1,
    "for tests",
    (Arm("uniform", "uniform"), Arm("alp", "alp")),
    env_settings={"student": "simulated", "budget": {"steps": 4}},
    seeds=6,
)


def begin(folder: Path, steps: int) -> Path:
    """A run that has made so many steps, with a torn line at its end."""
    folder.mkdir(parents=True)
    lines = [json.dumps({"stage": stage}) for stage in ("started", *["step"] * steps)]
    (folder / "journal.jsonl").write_text("\n".join(lines) + '\n{"stage": "st')
    return folder


def picture(progress: BenchProgress) -> list[str]:
    out = StringIO()
    Console(file=out, width=80).print(progress.picture())
    return out.getvalue().splitlines()


def make(folder: Path) -> BenchProgress:
    return BenchProgress("brief", SUITE.cells(), 0, folder, Console(file=StringIO()))


def test_steps_are_those_of_runs_that_somebody_works_on(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", 3)
    assert steps_of(run) is None
    with holding(run, "run"):
        assert steps_of(run) == 3
    assert steps_of(tmp_path / "other") is None


def test_runs_under_way_are_named_and_count_by_their_steps(tmp_path: Path) -> None:
    """Of 12 runs one is finished, two are under way with no step and three of four: 1.75 of 12."""
    progress = make(tmp_path)
    progress.finish(SUITE.cells()[0])
    begin(tmp_path / "uniform" / "seed_02", 2)  # Begun once; nobody works on it.
    with ExitStack() as stack:
        for name, steps in (("alp/seed_00", 3), ("uniform/seed_01", 0)):
            stack.enter_context(holding(begin(tmp_path / name, steps), "run"))
        bar, *lines = picture(progress)
    assert "1 of 12 runs" in bar
    assert lines == ["  alp/seed_00  after step 3 of 4", "  uniform/seed_01  starting"]
    [task] = progress._bar.tasks
    assert task.completed == 1.75


def test_of_many_runs_under_way_some_are_counted(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for cell in SUITE.cells():
            stack.enter_context(holding(begin(tmp_path / cell.path, 1), "run"))
        _, *lines = picture(make(tmp_path))
    assert len(lines) == MOST + 1
    assert lines[-1] == "  and 4 more"


def test_off_a_terminal_there_are_only_lines_of_finished_runs(tmp_path: Path) -> None:
    out = StringIO()
    arguments: Any = ("brief", SUITE.cells(), 0, tmp_path, Console(file=out))
    with BenchProgress(*arguments) as progress:
        progress.finish(SUITE.cells()[1])
    assert out.getvalue() == "finished alp/seed_00\n"
