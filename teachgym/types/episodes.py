"""Training, checkpoints, transitions and whole episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from teachgym.escaping import notebook_table
from teachgym.shown import in_short, shown
from teachgym.types.costs import Cost
from teachgym.types.scores import Score

Obs = dict[str, Any]
"""A dictionary observation, as ``gymnasium.spaces.Dict`` types it."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The report of a training run."""

    loss: float
    """Mean loss over the run, per target token (with a loss over pairs, per example); nan if
    nothing was trained."""
    steps: int
    """Optimizer updates made."""
    cost: Cost
    """Training tokens and seconds; never examples or environment steps."""
    losses: tuple[float, ...] = ()
    """The loss of each example, in the order in which they were given: its mean loss per target
    token (with a loss over pairs, that of the pair), in nats, when it was first met in this run,
    so before it was learned from (but after the batches before it). nan for an example that was
    not trained on; () if the trainer does not say."""

    __repr__ = in_short


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A student's weights (or other state), in memory, detached from the student."""

    arrays: Mapping[str, np.ndarray]
    """Named arrays; whoever makes the checkpoint must copy them."""

    def __eq__(self, other: object) -> bool:
        """Bit-for-bit equality of names, types and contents."""
        if not isinstance(other, Checkpoint) or self.arrays.keys() != other.arrays.keys():
            return False
        pairs = ((a, other.arrays[name]) for name, a in self.arrays.items())
        return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        size = sum(array.nbytes for array in self.arrays.values())
        return f"<Checkpoint of {len(self.arrays):,} arrays, {size:,} bytes>"


def describe_metrics(metrics: Mapping[str, float]) -> list[str]:
    """The part of ``info["metrics"]`` about the student and the data of a step, in words."""
    facts = []
    if {"accuracy", "stderr", "n"} <= metrics.keys():
        score = Score(int(metrics["n"]), metrics["accuracy"], metrics["stderr"])
        facts.append(f"accuracy {score}")
    for name in ("accepted", "rejected"):
        if name in metrics:
            facts.append(f"{metrics[name]:,} {name}")
    return facts


@dataclass(frozen=True, slots=True)
class Transition:
    """One step as the teacher saw it, with Gymnasium's names."""

    observation: Any
    action: Any
    reward: float
    next_observation: Any
    terminated: bool
    truncated: bool
    info: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        end = ", the last" * (self.terminated or self.truncated)
        facts = [f"reward {self.reward:+z.3f}", *describe_metrics(self.info.get("metrics", {}))]
        return f"<Transition: {', '.join(facts)}{end}>"


class Tried(NamedTuple):
    """The outcome of an action that was tried."""

    reward: float
    id: str
    """The id of the state after it, in which further actions can be tried until the next step."""
    ended: bool = False
    """Whether the episode ends with it, so that none can."""


@dataclass(frozen=True, slots=True)
class Episode:
    """The transitions of a finished episode, with its seed and teacher."""

    transitions: tuple[Transition, ...]
    seed: int
    teacher: str
    """The teacher's name."""

    def __repr__(self) -> str:
        last = self.transitions[-1].info.get("metrics", {}) if self.transitions else {}
        facts = (
            f"{self.length} step{'s' * (self.length != 1)}",
            f"return {self.return_:+z.3f}",
            *describe_metrics(last)[:1],
            f"teacher {shown(self.teacher, 80)}",
            f"seed {self.seed}",
        )
        return f"<Episode: {', '.join(facts)}>"

    def _repr_html_(self) -> str:
        """The steps, for notebooks."""
        rows = (
            (step, f"{t.reward:+z.3f}", ", ".join(describe_metrics(t.info.get("metrics", {}))))
            for step, t in enumerate(self.transitions, 1)
        )
        return notebook_table(repr(self)[1:-1], ("step", "reward", "after it"), rows)

    @property
    def return_(self) -> float:
        """Sum of rewards."""
        return float(sum(t.reward for t in self.transitions))

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.transitions)
