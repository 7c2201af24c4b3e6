"""Training, checkpoints, transitions and whole episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from teachgym.types.costs import Cost

Obs = dict[str, Any]
"""A dictionary observation, as ``gymnasium.spaces.Dict`` types it."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run reports."""

    loss: float
    """Mean loss over the run, per target token, with ``loss="dpo"`` per example; nan if nothing was
    trained."""
    steps: int
    """Optimizer updates made."""
    cost: Cost
    """Training tokens and seconds; never examples or environment steps."""
    losses: tuple[float, ...] = ()
    """Of each example that was handed over, in that order: its mean loss per target token, with
    ``loss="dpo"`` that of the pair, in nats, the first time it was met in this run, so before it
    was learned from (but after the batches before it). nan for an example that was not trained on;
    () if the trainer does not say."""


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


@dataclass(frozen=True, slots=True)
class Transition:
    """One step as the teacher lived it; Gymnasium's names."""

    observation: Any
    action: Any
    reward: float
    next_observation: Any
    terminated: bool
    truncated: bool
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """A finished (or resumed) sequence of transitions with what is needed to make it again."""

    transitions: tuple[Transition, ...]
    seed: int
    env_spec: str
    """The environment's spec as JSON; empty for environments made by hand."""
    teacher: str
    """The teacher's name."""

    @property
    def return_(self) -> float:
        """Sum of rewards."""
        return float(sum(t.reward for t in self.transitions))

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.transitions)
