"""The cost of K actions tried together from one student, against K single steps.

    python -m teachgym.benchmarks.speed.groups [--rounds N] [--rows NAME,NAME] [--device cuda]

``teachgym.envs.forks`` trains and asks the K students of a group in one stack. The same actions are
tried by forks of one student, one after another, and both take turns in every round. On a CPU their
rewards must be equal to the bit, and times are CPU seconds of this process; on a GPU times are wall
seconds, and the largest difference of two rewards is reported. Written: speed-groups.md, with a GPU
speed-groups-cuda.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markdown import Markdown

from teachgym.benchmarks.speed.measure import clock_of, timed
from teachgym.envs.forks import Forks
from teachgym.report.tables import markdown_rows

RESULTS = Path(__file__).parents[1] / "results"
K = 8
LORA: Mapping[str, Any] = {"adaptation": "lora", "rank": 8}


@dataclass(frozen=True, slots=True)
class Row:
    """A student, and how much of it is trained and asked in a step."""

    student: str
    examples: int
    """The examples of a step."""
    batch: int
    """Examples in an update."""
    val: int = 1
    """Items of ``val`` for each skill and level."""
    settings: Mapping[str, Any] | None = None
    """The settings of the student."""

    def forks(self, size: int, device: str) -> Forks:
        """Forks of so many students; nobody remembers what another has answered."""
        return Forks(
            "SkillList",
            size,
            student=self.student,
            task="word-problems" if self.student == "small" else "arithmetic-and-strings",
            task_settings={"val_per_cell": self.val, "test_per_cell": 1},
            trainer_settings={"batch_size": self.batch},
            examples_per_step=self.examples,
            budget={"steps": 5},
            reuse_answers=False,
            student_settings={**(self.settings or {}), "device": device},
        )


ROWS: Mapping[str, Row] = {
    "tiny-lora-small-updates": Row("tiny", 32, 2, settings=LORA),
    "tiny-lora": Row("tiny", 64, 16, settings=LORA),
    "tiny-small-updates": Row("tiny", 32, 2),
    "tiny": Row("tiny", 64, 16),
    "small": Row("small", 32, 16),
    "small-lora": Row("small", 32, 16, settings=LORA),
}


@dataclass(frozen=True, slots=True)
class Round:
    """The same actions, in a group and one after another."""

    group: float
    """Seconds."""
    single: float
    """Seconds."""
    apart: float
    """The largest difference of two rewards for one action."""


def actions_of(forks: Forks, seed: int) -> list[Any]:
    """K random allocations to few cells each."""
    space: Any = forks.single_action_space
    draws = np.random.default_rng(seed).dirichlet(np.full(np.prod(space.shape), 0.2), K)
    return [*draws.reshape(K, *space.shape).astype(np.float32)]


def attempt(
    forks: Forks, actions: Sequence[Any], device: str
) -> tuple[float, np.ndarray[Any, Any]]:
    """Seconds of trying them from the untrained student, and their rewards."""
    start = forks.start(0)
    with timed(device) as spent:
        branch = forks.branch(start, actions)
    forks.forget(*branch.ids)
    return getattr(spent[0], clock_of(device)), np.asarray(branch.rewards)


def measure(row: Row, rounds: int, device: str = "cpu") -> list[Round]:
    """Each round, after others that are not counted: one, on a GPU two, which capture steps.

    Raises:
        AssertionError: for a reward that is another in a group than alone, on a CPU.
    """
    group, single = row.forks(K, device), row.forks(1, device)
    for forks in (group, single) * (1 if device == "cpu" else 2):
        attempt(forks, actions_of(forks, 0)[: forks.size], device)
    found = []
    for number in range(1, rounds + 1):
        actions = actions_of(group, number)
        (together, one), (alone, other) = (
            attempt(forks, actions, device) for forks in (group, single)
        )
        apart = float(np.abs(one - other).max())
        assert device != "cpu" or apart == 0
        found.append(Round(together, alone, apart))
    return found


def describe(found: Mapping[str, Sequence[Round]], device: str = "cpu") -> str:
    """A table of medians; ratios are taken within a round, with their range."""
    head = ("student", "examples", "of an update", "group, s", f"{K} single, s", "ratio", "rounds")
    rows = []
    for name, rounds in found.items():
        together, alone = np.array([(one.group, one.single) for one in rounds]).T
        ratio, row = alone / together, ROWS[name]
        told = f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        times = (f"{np.median(seconds):.2f}" for seconds in (together, alone))
        rows.append((name, str(row.examples), str(row.batch), *times, told, str(len(rounds))))
    apart = max(one.apart for rounds in found.values() for one in rounds)
    if device == "cpu":
        command, clock, rewards = "", "one thread, CPU seconds", "are equal to the bit"
    else:
        import torch

        command, clock = " --device cuda", f"{torch.cuda.get_device_name()}, wall seconds"
        rewards = f"differ by at most {apart:.4f}"
    return (
        f"# A group of {K} actions against {K} single steps\n\n"
        f"`python -m teachgym.benchmarks.speed.groups{command}`: Skill-List, {clock}, an "
        f"item of `val` for each skill and level. Rewards of both ways {rewards}. "
        "Ratio: single steps to the group, in the same round; median and range.\n\n"
        f"{markdown_rows([head, *rows])}\n"
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="", help="names, by commas (default: all)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, help="file (default: among the recorded results)")
    asked = parser.parse_args()
    named = [name.strip() for name in asked.rows.split(",") if name.strip()] or [*ROWS]
    ending = "" if asked.device == "cpu" else f"-{asked.device}"
    note, found = asked.out or RESULTS / f"speed-groups{ending}.md", dict[str, list[Round]]()
    for name in named:  # written each time, so that an early end loses nothing
        found[name] = measure(ROWS[name], asked.rounds, asked.device)
        note.write_text(describe(found, asked.device))
    Console().print(Markdown(note.read_text()))


if __name__ == "__main__":
    main()
