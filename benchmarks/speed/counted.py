"""Measure steps per second of the simulated student, with texts and without.

    python -m teachgym.benchmarks.speed.counted

The variants take turns in every round of one run, with the same random actions, so that ratios hold
on a busy machine, too. The tables are written to speed-simulated.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.markdown import Markdown

import teachgym  # noqa: F401 (registers the environments)
from teachgym.report.tables import markdown_rows

NOTE = Path(__file__).parents[1] / "results" / "speed-simulated.md"
ROWS = 64
SETTINGS: Mapping[str, Any] = {"student": "simulated", "observation": "flat"}
ID = "teachgym/SkillList-v0"

Pace = Callable[[int], float]
"""Environment steps per second, over a number of steps."""


def single(env: gym.Env[Any, Any], steps: int) -> float:
    """Measure one environment that plays one episode after another."""
    env.action_space.seed(0)
    env.reset(seed=0)
    started = perf_counter()
    for _ in range(steps):
        *_, over, _, _ = env.step(env.action_space.sample())
        if over:
            env.reset()
    return steps / (perf_counter() - started)


def batched(env: gym.vector.VectorEnv[Any, Any, Any], steps: int) -> float:
    """Measure all rows of a vector environment together."""
    env.action_space.seed(0)
    env.reset(seed=0)
    started = perf_counter()
    for _ in range(steps // env.num_envs):
        env.step(env.action_space.sample())
    return steps // env.num_envs * env.num_envs / (perf_counter() - started)


def ways() -> dict[str, tuple[Pace, int]]:
    """The measured variants by name: a function that makes steps, and their number per round."""
    return {
        "texts": (partial(single, gym.make(ID, **SETTINGS)), 20),
        "no texts": (partial(single, gym.make(ID, **SETTINGS, texts=False)), 500),
        f"no texts, {ROWS} rows": (
            partial(batched, gym.make_vec(ID, num_envs=ROWS, **SETTINGS, texts=False)),
            100 * ROWS,
        ),
    }


def describe(paces: Mapping[str, list[float]]) -> str:
    """Tabulate medians and ranges of paces, and of their ratios to the first of the same round."""
    first = np.array(next(iter(paces.values())))
    ratios = {name: np.array(pace) / first for name, pace in paces.items()}
    rows = [
        (
            name,
            f"{np.median(paces[name]):,.0f}",
            f"{np.median(r):.0f} ({r.min():.0f} to {r.max():.0f})",
        )
        for name, r in ratios.items()
    ]
    return (
        "# Steps per second of the simulated student\n\n"
        "`python -m teachgym.benchmarks.speed.counted`: Skill-List, default settings, flat "
        f"observations, random actions; {len(first)} rounds in which the ways take turns, one "
        "thread. Ratio: to the first line, in the same round; median and range.\n\n"
        f"{markdown_rows([('way', 'steps a second', 'ratio'), *rows])}\n"
    )


def main(rounds: int = 5) -> None:
    """Measure all variants, and print and write the tables."""
    made = ways()
    paces: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, (pace, steps) in made.items():
            paces[name].append(pace(steps))
    NOTE.write_text(describe(paces))
    Console().print(Markdown(NOTE.read_text()))


if __name__ == "__main__":
    main()
