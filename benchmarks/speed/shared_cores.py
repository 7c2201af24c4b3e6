"""Measure a step of ``tiny`` on cores shared with other processes, by number of threads.

    python -m teachgym.benchmarks.speed.shared_cores            # about a minute on two cores

Three settings take turns in one process: the Python API as it is, the one thread of the command
line, and the threads that torch chooses. ``--busy`` processes compete for the cores. No environment
variable sets the number of threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np

_SET = ("OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_")
"""Prefixes of environment variables that decide on threads or how they wait."""

WAYS = {"api": None, "one": 1, "all": 0}
"""Setting -> requested threads: none requested, those of the command line, all cores (0)."""


def make_env(items: int, examples: int) -> Any:
    """Make a small Skill-List environment of ``tiny``: few items of val, few examples per step."""
    return gym.make(
        "teachgym/SkillList-v0",
        student="tiny",
        task_settings={"val_per_cell": items},
        examples_per_step=examples,
    )


@contextmanager
def asking_for(threads: int | None) -> Iterator[None]:
    """A context with the requested threads (0 = all cores, None = no request)."""
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads or before)
        os.environ["OMP_NUM_THREADS"] = str(threads or before)  # now it counts as chosen
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS", None)
        torch.set_num_threads(before)


def seconds_of_a_step(env: Any, seed: int) -> float:
    """Return the seconds of one step of equal shares from the untrained student."""
    env.reset(seed=seed)
    action = np.full_like(env.action_space.sample(), 1.0)
    started = perf_counter()
    env.step(action / action.sum())
    return perf_counter() - started


def measure(env: Any, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of a step in each setting, in turns, after an uncounted step."""
    seconds_of_a_step(env, 0)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way, threads in WAYS.items():
            with asking_for(threads):
                found[way].append(seconds_of_a_step(env, number))
    return found


def tell(found: dict[str, list[float]]) -> Iterator[str]:
    """Return a line per setting: median, range, and ratio of the median to that of one thread."""
    one = median(found["one"])
    names = {"api": "Python API as it is", "one": "one thread (CLI)", "all": "all cores"}
    for way, seconds in found.items():
        yield (
            f"{names[way]:20} {median(seconds):6.2f} s per step ({min(seconds):.2f} to "
            f"{max(seconds):.2f}, n={len(seconds)}), {median(seconds) / one:.2f} times one thread"
        )


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """A context with the given number of processes that each occupy a core."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--busy", type=int, default=1, help="busy processes beside (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="steps in each way (default: 5)")
    parser.add_argument("--items", type=int, default=4, help="val items per cell (default: 4)")
    parser.add_argument("--examples", type=int, default=100, help="per step (default: 100)")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.items, arguments.examples) < 1 or arguments.busy < 0:
        parser.error("--rounds, --items and --examples must be 1 or more, --busy 0 or more")
    if any(name.startswith(_SET) for name in os.environ):  # torch reads some when it is loaded
        free = {name: value for name, value in os.environ.items() if not name.startswith(_SET)}
        command = [sys.executable, "-m", "teachgym.benchmarks.speed.shared_cores", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=free, check=False).returncode)
    env = make_env(arguments.items, arguments.examples)
    with busy_processes(arguments.busy):
        for line in tell(measure(env, arguments.rounds)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
