"""``teachgym bench``: the plan, the progress, the table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from teachgym.cli.run import complain, say, show_table
from teachgym.errors import ConfigError, RunError

if TYPE_CHECKING:
    from teachgym.benchmarks.bench.leaderboard import LeaderboardRow
    from teachgym.benchmarks.bench.runner import Execute
    from teachgym.benchmarks.bench.suites import Suite
    from teachgym.report.tables import Rows


def show_plan(suite: Suite, folder: Path, processes: int) -> None:
    """Print what would be run, what is there already, and what it may cost.

    Raises:
        TeachgymError: for settings of an arm that cannot be run.
    """
    from teachgym.benchmarks.bench.forecast import budget_text, describe, forecast
    from teachgym.benchmarks.bench.runner import check_arms
    from teachgym.experiment import short_name

    check_arms(suite)
    arms = forecast(suite, folder)
    rows = []
    for line in arms:
        config, budget = line.config, budget_text(line.config)
        counts = [str(line.states.count(state)) for state in ("finished", "begun", "missing")]
        rows.append((line.arm.name, config.teacher, short_name(config.env), *counts, budget))
    header = ("arm", "teacher", "environment", "finished", "begun", "missing", "budget of a run")
    n_runs = sum(len(line.states) for line in arms)
    say(f"{suite.name} v{suite.version}: {suite.description}; {n_runs} runs in {folder}")
    columns = list(zip(header, *rows, strict=True))
    equal = [column for column in (columns[2], columns[-1]) if len(set(column[1:])) == 1]
    for name, value, *_ in equal:
        say(f"{name}: {value}")
    show_table(list(zip(*(c for c in columns if c not in equal), strict=True)))
    for text in describe(arms, processes):
        say(text)


def conduct_bench(
    suite: Suite, folder: Path, execute: Execute, show: Callable[[Path], object]
) -> None:
    """Run what is left with live progress, and ``show`` what is in the folder then.

    An interruption says how to go on.

    Raises:
        TeachgymError: for settings that cannot be run, before anything is written.
        RunError: for a folder that holds something else; after the table, if runs failed.
    """
    from teachgym.benchmarks.bench.runner import run_suite, status
    from teachgym.cli.bench_progress import BenchProgress

    cells = suite.cells()
    finished = sum(status(cell, folder) == "finished" for cell in cells)
    runs = run_suite(suite, folder, execute)
    try:
        with BenchProgress(suite.name, cells, finished, folder) as progress:
            for cell in runs:
                progress.finish(cell)
    except KeyboardInterrupt:
        say("stopped; the same command continues")
        raise typer.Exit(130) from None
    except RunError as error:
        show(folder)
        for trace in getattr(error, "__notes__", ()):
            complain(trace)
        raise
    show(folder)


def show_trials(suite: Suite, teacher: str, folder: Path, save: Path | None) -> None:
    """Print the trials of a teacher, best first; write them, and save the settings of the best."""
    from teachgym.benchmarks.bench.tune import read_trials, save_tuned, write_trials

    trials = read_trials(suite, folder)
    write_trials(trials, folder / "trials.jsonl")
    rows = [
        (t.name, t.val.show(".4f"), f"{t.val.n} of {len(suite.all_seeds)}", told or "the defaults")
        for t in trials
        for told in [", ".join(f"{name}={value}" for name, value in t.settings.items())]
    ]
    show_table([("trial", "accuracy on val", "seeds", "settings"), *rows[:10]])
    say(f"trials      {folder / 'trials.jsonl'}")
    if save is not None:
        save_tuned(teacher, suite, trials, save)
        say(f"saved in    {save}")


def show_leaderboard(folder: Path, *, markdown: bool = False) -> None:
    """Print the table of every run in a bench's folder; write it and the page beside the runs."""
    from teachgym.benchmarks.bench.runner import read_suite
    from teachgym.benchmarks.pages.material import BenchMaterial
    from teachgym.benchmarks.pages.page import bench_tables, draw_bench
    from teachgym.runs.files import write_lines, write_text

    suite = read_suite(folder)
    bench = BenchMaterial.read(suite, folder)
    text = _show_tables(bench_tables(bench), suite, bench.standings, markdown=markdown)
    write_text(folder / "leaderboard.md", f"{text}\n")
    write_lines(folder / "results.jsonl", bench.lines)
    say(f"tables      {folder / 'leaderboard.md'}")
    say(f"runs        {folder / 'results.jsonl'}")
    say(f"page        {draw_bench(bench, folder)}")


def show_lines(lines: Path, *, markdown: bool = False) -> None:
    """Print the tables of a recorded bench by its lines and the suite beside them."""
    from teachgym.benchmarks.bench.board import read_entry
    from teachgym.benchmarks.pages.page import standing_tables

    entry = read_entry(lines)
    tables = standing_tables(entry.suite, entry.standings, entry.outcomes)
    _show_tables(tables, entry.suite, entry.standings, markdown=markdown)


def _show_tables(
    tables: Sequence[Rows], suite: Suite, standings: Sequence[LeaderboardRow], *, markdown: bool
) -> str:
    """Print the headline and the first table, or all tables in Markdown; return the Markdown."""
    from teachgym.benchmarks.bench.headline import headline
    from teachgym.benchmarks.bench.leaderboard import remark_absent
    from teachgym.report.tables import markdown_rows

    absent = remark_absent(suite, standings)
    text = "\n\n".join([*map(markdown_rows, tables), *filter(None, [absent])])
    if markdown:
        say(text)
    else:
        if lead := headline(suite, standings):
            say(lead)
        show_table(tables[0])
        if absent:
            say(f"{absent}\n")
    return text


def show_union(benches: list[Path], *, markdown: bool = False) -> None:
    """Print every comparison that any of several benches makes, and the arms that they share."""
    from teachgym.benchmarks.bench.union import (
        compare_union,
        read_lines,
        shared_arms,
        union_rows,
    )

    lines = [line for path in benches for line in read_lines(path)]
    if compared := compare_union(lines):
        show_table(union_rows(compared), markdown=markdown)
    else:
        say("nothing to compare: no arm and its reference have seeds in common")
    for arm, places in shared_arms(lines).items():
        say(f"shared  {arm}: {', '.join(places)}")


def export_minari(folder: Path, out: Path) -> None:
    """Write the episodes of a bench, and say where, and of which arms there are none."""
    from teachgym.benchmarks.bench.episodes import export_episodes

    written = export_episodes(folder, out)
    for name, episodes in written.datasets.items():
        say(f"data set  {name}: {episodes} episodes in {out}")
    if written.left_out:
        say(f"left out  {', '.join(written.left_out)}: no observations and actions of numbers")


def show_agreement(folder: Path, other: Path) -> None:
    """Print how alike two benches rank the arms that both have, with controls and without."""
    from teachgym.benchmarks.bench.agreement import FEWEST_ARMS, agreement
    from teachgym.benchmarks.bench.outcomes import read_outcomes
    from teachgym.benchmarks.bench.union import read_lines

    lines = read_lines(folder)
    ours, theirs = read_outcomes(lines), read_outcomes(read_lines(other))
    say(f"rank correlation with {other}: {agreement(ours, theirs)}")
    controls = {line["arm"] for line in lines if line["control"]}
    if controls and len({line["arm"] for line in lines} - controls) >= FEWEST_ARMS:
        say(f"without controls: {agreement(ours, theirs, controls)}")


def choose_execution(
    workers: int,
    gpus: list[str],
    together: int,
    *,
    ray: str | None,
    ray_gpus: float | None,
) -> Execute:
    """The way to execute: processes of this machine, or a Ray cluster if one is named.

    Raises:
        ConfigError: for GPUs that are not there, or are named where they cannot be used.
    """
    from teachgym.benchmarks.bench.ray import OverRay
    from teachgym.benchmarks.bench.runner import Processes

    if ray is None:
        if ray_gpus is not None:
            raise ConfigError("--ray-gpus is for --ray; name the GPUs of this machine with --gpu")
        _require_gpus(gpus)
        return Processes(workers, gpus, together)
    if gpus:
        raise ConfigError("--gpu names GPUs of this machine; with --ray give --ray-gpus 1")
    return OverRay(None if ray == "local" else ray, gpus=ray_gpus or 0, together=together)


def _require_gpus(gpus: list[str]) -> None:
    """Refuse numbers that are not those of GPUs of this machine that this process may see."""
    if not gpus:
        return
    import torch  # Seconds, which only those wait for who name GPUs.

    from teachgym.workers import VISIBLE

    visible = os.environ.get(VISIBLE)
    there = visible.split(",") if visible else [str(n) for n in range(torch.cuda.device_count())]
    for gpu in gpus:
        if gpu not in there and not gpu.startswith(("GPU-", "MIG-")):
            raise ConfigError(f"GPU {gpu} is not there; GPUs here: {', '.join(there) or 'none'}")
