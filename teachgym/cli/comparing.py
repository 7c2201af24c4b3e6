"""The commands that compare: ``teachgym bench`` and ``teachgym tune``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from teachgym.cli import options as given
from teachgym.cli.run import prepare_process
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.registry import label

BENCH_EXAMPLES = """Examples:

teachgym bench smoke

teachgym bench tiny --short

teachgym bench tiny --arm alp --seeds 3 --dry-run

teachgym bench smoke --set stress.wrong_labels=0.3 --out bench/wrong

teachgym bench tiny --gpu 0 --gpu 1 --together 8
"""

TUNE_EXAMPLES = """Examples:

teachgym tune plr

teachgym tune plr odm sec --trials 40 --seeds 5 --save tuned.json
"""


def bench(
    suite: given.Suite,
    out: given.BenchOut = None,
    seeds: given.Seeds = None,
    first_seed: given.FirstSeed = None,
    arm: given.Arms = None,
    short: given.ShortForm = False,
    limit: given.Limit = None,
    workers: given.Workers = 2,
    together: given.Together = 1,
    gpu: given.Gpus = None,
    ray: given.Ray = None,
    ray_gpus: given.RayGpus = None,
    dry_run: given.DryRun = False,
    student: given.BenchStudent = None,
    task: given.BenchTask = None,
    chat: given.BenchChat = None,
    chat_model: given.ChatModel = None,
    chat_base_url: given.ChatBaseUrl = None,
    settings: given.BenchSettings = None,
    wandb: given.Wandb = None,
    tensorboard: given.Tensorboard = False,
    threads: given.Threads = None,
) -> None:
    """Compare teachers: do the remaining runs of a suite, and show its table.

    Every run has its own folder. You can stop at any moment; the same command continues.
    """
    prepare_process(threads)
    from teachgym.benchmarks.bench.suites import make_suite
    from teachgym.cli import bench as benching
    from teachgym.cli import configuring
    from teachgym.runs.files import settle

    record: Record = {}
    flags: Record = {
        **configuring.parts(student, task, chat, chat_model, chat_base_url),
        **configuring.trackers(wandb, tensorboard=tensorboard),
        "env_settings.limit": limit,
    }
    configuring.override_given(record, flags)
    configuring.override_settings(record, configuring.parse_pairs(settings or ()))
    if "teacher_settings" in record:
        raise ConfigError("teachers have the settings of their arms; leave --set teacher... out")
    if "keep" in record:
        raise ConfigError("runs of a bench keep what runs do by default; leave --set keep... out")
    wanted = make_suite(suite)
    if short:
        brief = wanted.shortened()
        wanted = wanted.narrowed(seeds=brief.seeds) if arm else brief
    chosen = wanted.narrowed(arm or (), seeds, first_seed).changed(**record)
    folder = settle(out) if out else Path("bench") / label(suite)
    execute = benching.choose_execution(workers, gpu or [], together, ray=ray, ray_gpus=ray_gpus)
    if dry_run:
        benching.show_plan(chosen, folder, 1 if ray else len(gpu or ()) or workers)
    else:
        benching.conduct_bench(chosen, folder, execute, benching.show_leaderboard)


def tune(
    teachers: given.Tuned,
    trials: given.Trials = 20,
    seeds: given.TrialSeeds = 3,
    student: given.TrialStudent = "simulated",
    out: given.TuneOut = Path("tune"),
    save: given.Save = None,
    workers: given.Workers = 2,
    threads: given.Threads = None,
) -> None:
    """Search the settings of teachers, with equally many trials each, on seeds that no bench uses.

    The first trial has the defaults, the others random settings. Accuracy on val decides. You can
    stop at any moment; the same command continues.
    """
    prepare_process(threads)
    from teachgym.benchmarks.bench.tune import check_savable, tuning_suite
    from teachgym.cli import bench as benching

    suites = {
        teacher: tuning_suite(teacher, trials=trials, seeds=seeds, student=student)
        for teacher in teachers
    }
    execute = benching.choose_execution(workers, [], 1, ray=None, ray_gpus=None)
    if save is not None:
        for teacher, suite in suites.items():
            check_savable(teacher, suite, save)
    for teacher, suite in suites.items():
        show = partial(benching.show_trials, suite, teacher, save=save)
        benching.conduct_bench(suite, out / label(teacher), execute, show)
