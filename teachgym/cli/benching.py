"""``teachgym bench``: the plan, the progress, the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from teachgym.cli.conducting import say
from teachgym.errors import ConfigError

if TYPE_CHECKING:
    from teachgym.benchmarks.runner import Execute
    from teachgym.benchmarks.suites import Suite


def show_plan(suite: Suite, folder: Path) -> None:
    """Print what would be run, what is there already, and what it may cost."""
    from teachgym.benchmarks.forecast import describe, forecast
    from teachgym.report.tables import rich_rows

    arms = forecast(suite, folder)
    rows = []
    for line in arms:
        config, budget = line.config, _budget(line.config.env_settings)
        counts = [str(line.states.count(state)) for state in ("finished", "begun", "missing")]
        rows.append((line.arm.name, config.teacher, config.env, *counts, budget))
    header = ("arm", "teacher", "environment", "finished", "begun", "missing", "budget of a run")
    n_runs = sum(len(line.states) for line in arms)
    say(f"{suite.name} v{suite.version}: {suite.description}; {n_runs} runs in {folder}")
    columns = list(zip(header, *rows, strict=True))
    equal = [column for column in (columns[2], columns[-1]) if len(set(column[1:])) == 1]
    for name, value, *_ in equal:
        say(f"{name}: {value}")
    Console().print(rich_rows(list(zip(*(c for c in columns if c not in equal), strict=True))))
    for text in describe(arms):
        say(text)


def conduct_bench(suite: Suite, folder: Path, execute: Execute) -> None:
    """Run what is left with a progress bar; an interruption says how to go on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from teachgym.benchmarks.runner import run_suite, status

    cells = suite.cells()
    finished = sum(status(cell, folder) == "finished" for cell in cells)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    try:
        with Progress(*columns, transient=True, speed_estimate_period=1e9) as progress:
            bar = progress.add_task(suite.name, total=len(cells), completed=finished)
            for cell in run_suite(suite, folder, execute):
                progress.console.print(f"finished {cell.path}", highlight=False)
                progress.advance(bar)
    except KeyboardInterrupt:
        say("stopped; the same command goes on where it was")
        raise typer.Exit(130) from None


def show_leaderboard(suite: Suite, folder: Path, *, markdown: bool = False) -> None:
    """Print the table, and write it and the page beside the runs."""
    from teachgym.benchmarks.bench_material import BenchMaterial
    from teachgym.benchmarks.bench_page import draw_bench
    from teachgym.benchmarks.leaderboard import leaderboard_rows, result_lines
    from teachgym.report.tables import markdown_rows, rich_rows

    bench = BenchMaterial.read(suite, folder)
    rows = leaderboard_rows(suite, bench.standings)
    (folder / "leaderboard.md").write_text(markdown_rows(rows) + "\n", encoding="utf-8")
    if markdown:
        say(markdown_rows(rows))
    else:
        wide = ("interquartile", "beats", "beyond", "area", "examples")
        kept = [column for column, name in enumerate(rows[0]) if not name.startswith(wide)]
        Console().print(rich_rows([tuple(row[column] for column in kept) for row in rows]))
    lines = "".join(f"{json.dumps(line)}\n" for line in result_lines(bench.results))
    (folder / "results.jsonl").write_text(lines, encoding="utf-8")
    say(f"full table  {folder / 'leaderboard.md'}")
    say(f"runs        {folder / 'results.jsonl'}")
    say(f"page        {draw_bench(bench, folder)}")


def show_agreement(folder: Path, other: Path) -> None:
    """Print how alike two benches rank the arms that both have."""
    from teachgym.benchmarks.leaderboard import agreement, stand
    from teachgym.benchmarks.runner import read_results, read_suite

    suites = [(read_suite(path), path) for path in (folder, other)]
    rho, shared = agreement(*(stand(suite, read_results(suite, path)) for suite, path in suites))
    say(f"rank correlation with {other} over {shared} arms: {rho:+.2f}")


def choose_execution(
    workers: int,
    gpus: list[str],
    together: int,
    *,
    ray: str | None,
    ray_gpus: float | None,
) -> Execute:
    """Processes of this machine, or a Ray cluster if one is named.

    Raises:
        ConfigError: for GPUs that are named where they cannot be used.
    """
    from teachgym.benchmarks.over_ray import OverRay
    from teachgym.benchmarks.runner import Processes

    if ray is None:
        if ray_gpus is not None:
            raise ConfigError("--ray-gpus is for --ray; name the GPUs of this machine with --gpu")
        return Processes(workers, gpus, together)
    if gpus:
        raise ConfigError("--gpu names GPUs of this machine; with --ray give --ray-gpus 1")
    return OverRay(None if ray == "local" else ray, gpus=ray_gpus or 0, together=together)


def _budget(env_settings: Mapping[str, Any]) -> str:
    limits = env_settings.get("budget") or {}
    return ", ".join(f"{amount:,} {currency}" for currency, amount in limits.items())
