"""``teachgym train-teacher``: GRPO of a language model on what its students gain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from teachgym.cli import options as given
from teachgym.cli.run import prepare_process, say
from teachgym.errors import ConfigError
from teachgym.records import Record

if TYPE_CHECKING:
    from teachgym.benchmarks.bench.suites.suite import Suite
    from teachgym.bridges.grpo.settings import TeacherTraining

EXAMPLES = """Examples:

teachgym train-teacher --updates 40

teachgym run --student simulated --set student_settings.base=5 --set task_settings.seed=1000000 \
--teacher alp --out runs/alp

teachgym train-teacher --warm-start runs/alp --updates 40 --out teachers/warm

teachgym train-teacher --set env.proxy=learnability --out teachers/proxy

teachgym train-teacher --set env.proxy=quality --set env.teacher_model=tiny --out teachers/rated

teachgym train-teacher --config curriculum.toml --out teachers/curriculum

teachgym run --student tiny --teacher trained --set teacher.path=teachers/warm/teacher
"""

Config = Annotated[
    Path | None,
    given.option(
        "A .toml or .json file with settings and [[stages]]; options override it.", "none"
    ),
]
Model = Annotated[
    str | None,
    given.option(
        "The language model that becomes a teacher: small, smollm2, a folder or a hub id.", "small"
    ),
]
Updates = Annotated[int | None, given.option("Updates, where there is one stage.", "100", min=1)]
WarmStart = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="RUN",
        help="A finished run, or a folder of them, of a teacher such as alp, which the model "
        "learns to imitate first; may be repeated.",
    ),
]
Out = Annotated[Path, typer.Option(help="Its folder; one that was begun is gone on with.")]
Seed = Annotated[int | None, given.option("Of the answers.", "0", min=0)]
Test = Annotated[
    int,
    typer.Option(
        min=0,
        help="Seeds of a bench at the end, on bases and items that no training meets, beside the "
        "untrained model, uniform, alp and planned; 0 = none.",
    ),
]
TestSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--test-set",
        metavar="KEY=VALUE",
        help="A setting of the environment of that bench, over those of the last stage; may be "
        "repeated: task=word-problems and student=small hold out tasks and names of skills.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as JSON or text; may be repeated: group=16, form.items=4, "
        "optimizer.learning_rate=1e-4. Of the environment in every stage: env.student=tiny, "
        "env.reward=skill_potential.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the teacher's folder alone.")]


def train_teacher(
    config: Config = None,
    model: Model = None,
    updates: Updates = None,
    warm_start: WarmStart = None,
    out: Out = Path("teachers/first"),
    seed: Seed = None,
    test: Test = 5,
    test_settings: TestSettings = None,
    wandb: given.Wandb = None,
    tensorboard: given.Tensorboard = False,
    settings: Settings = None,
    workers: given.Workers = 2,
    threads: given.Threads = None,
    quiet: Quiet = False,
) -> None:
    """Train a language model as a teacher: GRPO on what students gain that it has taught.

    In each step of an episode the model answers several times; each answer is tried on a fork of
    the same student, and what gains more than the others becomes likelier. A grammar bounds what
    it says, so a model that has never seen a plan can begin. Stopped at any moment, the same
    command goes on, and ends where it would have ended.
    """
    prepare_process(threads)
    from teachgym.bridges.grpo.settings import TeacherTraining
    from teachgym.bridges.grpo.training import as_begun, check
    from teachgym.bridges.grpo.training import train_teacher as train
    from teachgym.cli import configuring
    from teachgym.runs.config import read_config

    record = read_config(config) if config else {}
    flags: Record = {
        "model": model,
        "seed": seed,
        "warm_start.runs": [str(run) for run in _runs(warm_start)] if warm_start else None,
        **configuring.trackers(wandb, tensorboard=tensorboard),
    }
    configuring.override_given(record, flags)
    _set(record, configuring.parse_pairs(settings or ()), updates)
    chosen = as_begun(TeacherTraining.of(record), out)
    check(chosen)
    changes = configuring.parse_pairs(test_settings or ())
    suite = _test_suite(chosen, changes, out, test) if test and not quiet else None
    try:
        teacher = _watched(train, chosen, out, quiet=quiet)
    except KeyboardInterrupt:
        say("stopped; the same command goes on where it was")
        raise typer.Exit(130) from None
    if quiet:
        say(str(teacher))
        return
    say(f"teacher  {teacher}")
    say(f"use it   teachgym run --teacher trained --set teacher.path={teacher}")
    if suite is not None:
        _test(suite, out, workers)


def _runs(folders: list[Path]) -> list[Path]:
    """The runs that are meant: folders of runs, or folders of such folders."""
    found: list[Path] = []
    for folder in folders:
        inner = sorted(path.parent for path in folder.glob("**/journal.jsonl"))
        if not inner:
            raise ConfigError(f"{folder} holds no run; name a run of a teacher such as alp")
        found += inner
    return [path.resolve() for path in found]


def _set(record: Record, settings: Mapping[str, Any], updates: int | None) -> None:
    """Set what was given, that of the environment in every stage."""
    from teachgym.cli import configuring

    stages = record.setdefault("stages", [{}])
    if not (isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages)):
        raise ConfigError("stages must be a list of tables; write [[stages]]")
    if updates is not None:
        if len(stages) > 1:
            raise ConfigError("--updates is for one stage; set updates in each of the [[stages]]")
        stages[0]["updates"] = updates
    for key, value in settings.items():
        table, _, name = key.partition(".")
        if table == "env" and name:
            for stage in stages:
                configuring.override(stage, {f"env_settings.{name}": value})
        else:
            configuring.override(record, {key: value})


def _watched(train: Any, settings: TeacherTraining, out: Path, *, quiet: bool) -> Path:
    """Train, with a line for each update on a terminal's bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    if quiet:
        teacher: Path = train(settings, out)
        return teacher
    said = TextColumn("{task.description}", markup=False)
    columns = (said, BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(), transient=True) as progress:
        bar = progress.add_task("training", total=settings.updates)

        def watch(number: int, metrics: Mapping[str, float]) -> None:
            text = f"return {metrics['return']:+z.4f}  gain of a step {metrics['gain']:+z.4f}"
            progress.update(bar, completed=number, description=text)
            progress.console.print(f"update {number}: {text}", highlight=False)

        teacher = train(settings, out, watch)
    return teacher


def _test_suite(
    settings: TeacherTraining, changes: Mapping[str, Any], out: Path, seeds: int
) -> Suite:
    """The bench: in the environment of the last stage, with changes, on what no training meets."""
    from teachgym.benchmarks.bench.suites.held_out import held_out
    from teachgym.bridges.grpo.warm_start import environments_of
    from teachgym.cli import configuring
    from teachgym.experiment import RunConfig, check_config
    from teachgym.runs.files import settle

    own = ("texts", "proxy", "reward", "prices")
    env = {k: v for k, v in settings.stages[-1].env_settings.items() if k not in own}
    env.setdefault("student", "simulated")
    configuring.override(env, changes)
    check_config(RunConfig(env_settings=env))
    rules = ("alp", "planned") if env["student"] in ("simulated", "tiny") else ("alp",)
    arms = {"trained": str(settle(out) / "teacher"), "untrained": settings.model}
    met = [*settings.environments(), *environments_of(settings)]
    return held_out(arms, env, seeds, rules, met)


def _test(suite: Suite, out: Path, workers: int) -> None:
    """Bench the teachers, and say which seeds are left out."""
    from teachgym.cli import bench as benching

    asked = suite.all_seeds
    if left := [str(seed) for seed in range(asked[-1]) if seed not in asked]:
        say(f"bench    without seeds {', '.join(left)}, whose bases or items training has met")
    execute = benching.choose_execution(workers, [], 1, ray=None, ray_gpus=None)
    benching.conduct_bench(suite, out / "test", execute, benching.show_leaderboard)
