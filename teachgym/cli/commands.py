"""The commands: ``teachgym list | new | run | resume | discover | bench | tune | export``, ...

Everything heavy is imported inside a command, so that ``--help`` is instant and the number of
threads is set before torch is loaded.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import typer
from rich.console import Console

from teachgym import __version__
from teachgym.cli import options as given
from teachgym.cli.catalogue import LISTINGS
from teachgym.cli.comparing import BENCH_EXAMPLES, TUNE_EXAMPLES, bench, tune
from teachgym.cli.discover import EXAMPLES as DISCOVER_EXAMPLES
from teachgym.cli.discover import discover
from teachgym.cli.paging import paged
from teachgym.cli.run import (
    OneLine,
    conduct,
    prepare_process,
    say,
    show,
    show_table,
    show_teaching,
)
from teachgym.cli.train_teacher import EXAMPLES as TRAIN_EXAMPLES
from teachgym.cli.train_teacher import train_teacher
from teachgym.errors import ConfigError, UnknownNameError, require_known
from teachgym.records import Record
from teachgym.shown import command

app = typer.Typer(
    name="teachgym",
    cls=OneLine,
    help="Gymnasium environments in which the agent is the teacher of a language model.",
    epilog="Start with: teachgym run --student simulated",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUN_EXAMPLES = """Examples:

teachgym run

teachgym run --student simulated --teacher alp --steps 10 --seed 1

teachgym run --env SkillTree --budget examples=4000 --budget train_tokens=200000

teachgym run --set teacher.power=2 --set training=scratch

teachgym run --env OpenEnded --teacher llm --chat openai --chat-model gpt-5 --budget steps=5

teachgym run --config run.toml --seed 2 --out runs/second --wandb offline
"""


def main() -> None:
    """The entry point of the ``teachgym`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # No run ends for a sign that it prints.
    app()


@app.callback(invoke_without_command=True)
def _show_version(version: given.Version = False) -> None:
    if version:
        say(f"teachgym {__version__}")
        raise typer.Exit


@app.command("list")
def list_(what: given.What = None, pager: given.Pager = True) -> None:
    """List all names: of environments, teachers, students, tasks, engines, losses and so on."""
    with paged(pager):
        require_known("list", [] if what is None else [what], LISTINGS, UnknownNameError)
        for name, listing in LISTINGS.items():
            if what in (None, name):
                Console().print(listing.table(name))


@app.command(epilog=RUN_EXAMPLES)
def run(
    env: given.Env = None,
    student: given.Student = None,
    task: given.Task = None,
    limit: given.Limit = None,
    teacher: given.Teacher = None,
    steps: given.Steps = None,
    examples_per_step: given.ExamplesPerStep = None,
    budget: given.Budget = None,
    seed: given.Seed = None,
    config: given.Config = None,
    out: given.Out = None,
    wandb: given.Wandb = None,
    tensorboard: given.Tensorboard = False,
    chat: given.Chat = None,
    chat_model: given.ChatModel = None,
    chat_base_url: given.ChatBaseUrl = None,
    chat_cache: given.ChatCache = None,
    chat_store: given.ChatStore = None,
    settings: given.Settings = None,
    threads: given.Threads = None,
    quiet: given.Quiet = False,
) -> None:
    """Teach a student for one episode and show what it learned.

    One folder holds everything: configuration, training data, predictions, metrics, the best
    student, the final table and the learning curve. If the run is stopped, teachgym resume
    continues it.
    """
    prepare_process(threads)
    from teachgym import experiment
    from teachgym.cli import configuring
    from teachgym.runs import RunFolder
    from teachgym.runs.config import read_config
    from teachgym.runs.files import settle

    record = read_config(config) if config else {}
    flags: Record = {
        "env": env,
        **configuring.parts(student, task, chat, chat_model, chat_base_url),
        **configuring.trackers(wandb, tensorboard=tensorboard),
        "env_settings.limit": limit,
        "env_settings.examples_per_step": examples_per_step,
        "teacher": teacher,
        "seed": seed,
        "chat.cache": chat_cache,
        "chat.store": str(chat_store) if chat_store else None,
    }
    configuring.override_given(record, flags)
    configuring.override_settings(record, configuring.parse_pairs(settings or ()))
    limits = {"steps": steps} if steps else {}
    configuring.override_budget(record, {**limits, **configuring.parse_pairs(budget or ())})
    chosen = configuring.complete(record)
    folder = settle(out) if out else configuring.free_folder(chosen)
    RunFolder.check_new(folder)
    conduct(chosen, folder, partial(experiment.run, chosen, folder), quiet=quiet)


@app.command()
def resume(
    folder: given.Run,
    accept: given.Accept = None,
    threads: given.Threads = None,
    quiet: given.Quiet = False,
) -> None:
    """Continue a run that was stopped. The outcome is that of an uninterrupted run.

    If versions, data or settings have changed since the run began, it continues only if you accept
    the change, and its result says so.
    """
    prepare_process(threads)
    from teachgym import experiment

    if experiment.is_finished(folder):
        say(f"{folder} is finished, there is nothing to do; see: {command('report', folder)}")
        return
    config = experiment.config_of(folder)
    start = partial(experiment.resume, folder, accept=accept or ())
    conduct(config, folder, start, quiet=quiet)


app.command(epilog=DISCOVER_EXAMPLES)(discover)


@app.command()
def schema(env: given.SchemaEnv = "SkillList", toml: given.AsToml = False) -> None:
    """Print the JSON schema of a run file, or a complete run.toml with comments."""
    from teachgym.cli.run_file import run_schema, run_toml
    from teachgym.envs.config import env_id

    full = env_id(env)
    text = run_toml(full) if toml else json.dumps(run_schema(full), indent=2)
    typer.echo(text.rstrip())


@app.command()
def samples(name: given.Sample = None) -> None:
    """Print a commented run.toml for a usual case: teachgym samples first > run.toml."""
    from teachgym.cli.samples import SAMPLES, read_sample

    if name is not None:
        typer.echo(read_sample(name).rstrip())
        return
    for known, meaning in SAMPLES.items():
        say(f"{known:16}{meaning}")
    say("\nteachgym samples NAME > run.toml; teachgym run --config run.toml")


app.command(epilog=BENCH_EXAMPLES)(bench)


app.command(epilog=TUNE_EXAMPLES)(tune)


app.command("train-teacher", epilog=TRAIN_EXAMPLES)(train_teacher)


@app.command()
def board(folder: given.Board, add: given.Added = None, name: given.AddedName = "") -> None:
    """Draw all recorded benches on one page with filters; with --add, check a bench and add it.

    Adding a bench adds two files: its suite, and a line for each run. The bench must be complete
    and have at least two seeds. Its files must be unchanged, and no run may have been resumed
    after a change.
    """
    from teachgym.benchmarks.bench.board import add_bench, read_board
    from teachgym.benchmarks.pages.board import draw_board

    if add is not None:
        say(f"added  {add_bench(add, folder, name)}")
    say(f"page   {draw_board(read_board(folder), folder)}")


@app.command()
def new(kind: given.NewKind, name: given.NewName) -> None:
    """Write a file to start your own teacher, task or suite from, with a test that passes."""
    from teachgym.cli.starting_files import start

    (source, test), command = start(kind, name, Path())
    say(f"wrote  {source}")
    say(f"test   pytest {test}")
    say(f"run    {command}")


@app.command()
def export(
    folder: given.RunOrBench,
    dataset: given.Dataset = None,
    student: given.StudentOut = None,
    minari: given.Minari = None,
    trajectories: given.Trajectories = None,
    format: given.DataFormat = "jsonl",
    license: given.License = "unknown",
) -> None:
    """Export a run's data, student, or chat calls with rewards, or the episodes of a bench.

    Teachers can be trained offline on the episodes.
    """
    from teachgym.runs import RunFolder
    from teachgym.runs.export import export_dataset, export_student

    of_run = any(out is not None for out in (dataset, student, trajectories))
    if not of_run and minari is None:
        raise ConfigError(
            "nothing to export; give --dataset, --student or --trajectories FOLDER for a run, "
            "--minari FOLDER for a bench"
        )
    if minari is not None:
        from teachgym.cli.bench import export_minari

        export_minari(folder, minari)
        if not of_run:
            return
    run = RunFolder.open(folder)
    if dataset is not None:
        say(f"data set  {export_dataset(run, dataset, format=format, license=license)}")
    if student is not None:
        say(f"student   {export_student(run, student)}")
    if trajectories is not None:
        from teachgym.runs.trajectories import export_trajectories

        say(f"calls     {export_trajectories(run, trajectories, license=license)}")


@app.command()
def report(
    folders: given.Reported,
    markdown: given.Markdown = False,
    teaching: given.Teaching = False,
    agreement: given.OtherBench = None,
    pager: given.Pager = True,
) -> None:
    """Show the tables of a finished run or a bench, and draw everything on one HTML page.

    The page opens offline, light or dark. For a run it has curves, spending, the skill tree, and
    every example and answer with filters; for a bench, the leaderboard with intervals. Figures for
    papers are written beside it. For several benches, the command shows the arms that they share,
    and p-values adjusted over all their comparisons.
    """
    with paged(pager):
        if len(folders) > 1:
            from teachgym.cli.bench import show_union

            if teaching or agreement is not None:
                raise ConfigError("--teaching and --agreement take one folder; give one")
            show_union(folders, markdown=markdown)
            return
        [folder] = folders
        if folder.is_file() or (folder / "suite.json").exists():
            from teachgym.cli import bench as benching

            show_bench = benching.show_lines if folder.is_file() else benching.show_leaderboard
            show_bench(folder, markdown=markdown)
            if agreement is not None:
                benching.show_agreement(folder, agreement)
            return
        if agreement is not None:
            raise ConfigError(f"{folder} is not a bench, so it has no ranks to compare")
        from teachgym import experiment
        from teachgym.report.html import write_run_page
        from teachgym.report.tables import result_markdown
        from teachgym.runs import RunFolder

        result = experiment.read_result(folder)
        if markdown:
            say(result_markdown(result))
        else:
            show(result, folder)
        if teaching:
            show_teaching(folder, markdown=markdown)
        # What is written comes last: of a run on a full or read-only disk all else is shown.
        experiment.draw_curve(folder)
        say(f"page            {write_run_page(RunFolder.open(folder))}")


@app.command()
def watch(folder: given.RunOrBench, port: given.Port = 0) -> None:
    """Serve the page of a run or a bench to a browser on this machine while it goes on.

    Nothing is written. The page shows the finished steps; results on test appear at the end.
    Ctrl-C stops the server.
    """
    prepare_process(None)
    from teachgym.cli.watch import Watcher, check_watchable

    check_watchable(folder)
    with Watcher(folder, port) as server:
        say(f"{server.address}  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")


@app.command()
def doctor() -> None:
    """Check this machine: packages and extras, threads, folders, keys, GPU, sandbox.

    Some features need what is absent; every feature needs what is wrong. Each line says what to do.
    The exit code is 1 if anything is wrong.
    """
    from teachgym.cli.doctor import examine

    found = list(examine())
    for finding in found:
        advice = f"; {finding.advice}" if finding.advice else ""
        say(f"{finding.state:8}{finding.what:24}{finding.found}{advice}")
    if any(finding.state == "wrong" for finding in found):
        raise typer.Exit(1)


@app.command()
def clean(folders: given.Cleaned = None, yes: given.Yes = False) -> None:
    """List unfinished runs and half-written files; with --yes, remove them.

    Runs with a result are never listed, and nothing that a process works on is removed. Until you
    remove it, teachgym resume can continue a run marked begun.
    """
    from teachgym.cli.clean import clean_up

    usual = (Path(name) for name in ("runs", "bench", "tune"))
    clean_up(folders or [folder for folder in usual if folder.is_dir()], remove=yes)


@app.command()
def compare(
    runs: given.Compared,
    markdown: given.Markdown = False,
    page: given.Page = None,
    pager: given.Pager = True,
) -> None:
    """Compare finished runs: their settings and their outcomes.

    For runs with the same test items, the answers are paired with those of the first run. To
    compare teachers, run several seeds with teachgym bench.
    """
    with paged(pager):
        from teachgym.report.comparison import (
            difference_rows,
            item_rows,
            outcome_rows,
            read_compared,
        )
        from teachgym.report.html.comparison_page import write_comparison

        found = read_compared(runs)
        tables = (outcome_rows(found), item_rows(found), difference_rows(found))
        for rows in tables:
            if len(rows) > 1:
                show_table(rows, markdown=markdown)
        if page is not None:
            say(f"page  {write_comparison(found, page)}")
