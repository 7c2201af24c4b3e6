"""What K actions cost that are tried together from one student, against K single steps.

    python -m teachgym.benchmarks.speed.groups [--rounds N] [--rows NAME,NAME]

``teachgym.envs.forks`` trains and asks the K students of a group in one stack. The same actions are
tried by forks of one student, one after another, and both take turns in every round. Their rewards
must be equal to the bit. Times are CPU seconds of this process. Written: speed-groups.md.
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

from teachgym.benchmarks.speed.measure import timed
from teachgym.envs.forks import Branch, Forks
from teachgym.report.tables import markdown_rows

NOTE = Path(__file__).parents[1] / "results" / "speed-groups.md"
K = 8
LORA: Mapping[str, Any] = {"student_settings": {"adaptation": "lora", "rank": 8}}


@dataclass(frozen=True, slots=True)
class Row:
    """A student, and how much of it is trained and asked in a step."""

    student: str
    examples: int
    """Of a step."""
    batch: int
    """Examples in an update."""
    val: int = 1
    """Items of ``val`` for each skill and level."""
    settings: Mapping[str, Any] | None = None

    def forks(self, size: int) -> Forks:
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
            **(self.settings or {}),
        )


ROWS: Mapping[str, Row] = {
    "tiny-lora-small-updates": Row("tiny", 32, 2, settings=LORA),
    "tiny-lora": Row("tiny", 64, 16, settings=LORA),
    "tiny-small-updates": Row("tiny", 32, 2),
    "tiny": Row("tiny", 64, 16),
    "small": Row("small", 32, 16),
}


def actions_of(forks: Forks, seed: int) -> list[Any]:
    """K random allocations to few cells each."""
    space: Any = forks.single_action_space
    draws = np.random.default_rng(seed).dirichlet(np.full(np.prod(space.shape), 0.2), K)
    return [*draws.reshape(K, *space.shape).astype(np.float32)]


def attempt(forks: Forks, actions: Sequence[Any]) -> tuple[float, Branch]:
    """CPU seconds of trying them from the untrained student, and what came of it."""
    start = forks.start(0)
    with timed("cpu") as spent:
        branch = forks.branch(start, actions)
    forks.forget(*branch.ids)
    return spent[0].cpu, branch


def measure(row: Row, rounds: int) -> list[tuple[float, float]]:
    """CPU seconds of a group and of the single steps, in each round, after one that is not counted.

    Raises:
        AssertionError: for a reward that is another in a group than alone.
    """
    group, single = row.forks(K), row.forks(1)
    for forks in (group, single):
        attempt(forks, actions_of(forks, 0)[: forks.size])
    found = []
    for number in range(1, rounds + 1):
        actions = actions_of(group, number)
        (together, one), (alone, other) = attempt(group, actions), attempt(single, actions)
        assert one.rewards.tolist() == other.rewards.tolist()
        found.append((together, alone))
    return found


def describe(found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A table of medians; ratios are taken within a round, with their range."""
    head = ("student", "examples", "of an update", "group, s", f"{K} single, s", "ratio", "rounds")
    rows = []
    for name, pairs in found.items():
        together, alone = np.array(pairs).T
        ratio, row = alone / together, ROWS[name]
        told = f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        times = (f"{np.median(seconds):.2f}" for seconds in (together, alone))
        rows.append((name, str(row.examples), str(row.batch), *times, told, str(len(pairs))))
    return (
        f"# A group of {K} actions against {K} single steps\n\n"
        "`python -m teachgym.benchmarks.speed.groups`: Skill-List, one thread, CPU seconds, an "
        "item of `val` for each skill and level. Rewards of both ways are equal to the bit. "
        "Ratio: single steps to the group, in the same round; median and range.\n\n"
        f"{markdown_rows([head, *rows])}\n"
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="", help="names, by commas (default: all)")
    parser.add_argument("--out", type=Path, default=NOTE)
    asked = parser.parse_args()
    named = [name.strip() for name in asked.rows.split(",") if name.strip()]
    found = {name: measure(ROWS[name], asked.rounds) for name in named or ROWS}
    asked.out.write_text(describe(found))
    Console().print(Markdown(asked.out.read_text()))


if __name__ == "__main__":
    main()
