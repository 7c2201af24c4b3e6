"""Measure how many short programs run per second, in the sandbox and in a process each.

    python -m teachgym.benchmarks.speed.programs

Both take turns and use all cores, so that other load affects both. A program is a function of two
lines that is called six times.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

from rich.console import Console

from teachgym.sandbox import Job, open_sandbox

_SOURCE = "def f(n):\n    return n * n\n"
_CALLS = tuple((n,) for n in range(6))


def programs_per_second(named: str, count: int) -> float:
    """Measure the sandbox with workers that are already running."""
    sandbox, job = open_sandbox(named), Job(_SOURCE, "f", _CALLS)
    sandbox.run([job] * 20)
    began = perf_counter()
    outcomes = sandbox.run([job] * count)
    seconds = perf_counter() - began
    assert all([a.value for a in o.answers] == [n * n for (n,) in _CALLS] for o in outcomes)
    return count / seconds


def processes_per_second(count: int) -> float:
    """Measure one interpreter per program, without a sandbox."""
    text = f"{_SOURCE}\nprint([f(*call) for call in {_CALLS}])"
    command = [sys.executable, "-I", "-S", "-c", text]
    began = perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda _: subprocess.run(command, capture_output=True), range(count)))
    return count / (perf_counter() - began)


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sandbox", default="auto", help="a provider")
    parser.add_argument("--count", type=int, default=200, help="programs a round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    inside, alone = [], []
    for _ in range(asked.rounds):
        inside.append(programs_per_second(asked.sandbox, asked.count))
        alone.append(processes_per_second(asked.count // 5))
    ratio = median(i / a for i, a in zip(inside, alone, strict=True))
    Console(soft_wrap=True).print(
        f"{open_sandbox(asked.sandbox).provider}: {median(inside):.0f} programs/s; one process "
        f"each: {median(alone):.0f}/s; ratio {ratio:.1f}; load average {os.getloadavg()[0]:.1f} "
        f"on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
