"""The state of an episode as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from teachgym.forest import Forest
from teachgym.shown import in_short, shown
from teachgym.types import Aid, Checkpoint, Cost, Example, Growing, Incident, Report, Score


@dataclass(frozen=True)
class Best:
    """The student with the highest validation accuracy so far; the earlier one on a tie."""

    step: int
    """The step after which it was measured; 0 = the untrained student."""
    accuracy: float
    """Its accuracy on ``val``."""
    checkpoint: Checkpoint

    __repr__ = in_short


@dataclass(frozen=True)
class Snapshot:
    """Everything that decides what happens next, and what has happened."""

    entropy: int
    """Seeds the random streams of the episode."""
    report: Report
    """The last evaluation on ``val``."""
    curve: Growing[Score]
    """Validation accuracy before the first step and after each: the learning curve."""
    best: Best
    step: int = 0
    """Steps made."""
    data: Growing[Example] = field(default_factory=Growing)
    """All examples accepted so far, in order."""
    waiting: int = 0
    """The number of the last ``data`` that wait for the next training run (``train_every``)."""
    stop_reason: str = ""
    """The reason for the end of the episode; empty while it runs."""
    aids: tuple[Aid, ...] = ()
    """Texts before the prompts of aided evaluations; see ``teachgym.envs.aids``."""
    filters: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """The memory of each filter of the gate for the next step, by its place among them."""
    forest: Forest | None = None
    """The Skill-Tree environment's forest."""
    past: tuple[str, ...] = ()
    """Text observations' lines on the last steps, oldest first; each at most 800 characters."""
    tried: Mapping[str, Cost] = field(default_factory=dict)
    """The price of each action that was tried before the next step, by the state after it."""
    checkpoint: Checkpoint | None = None
    """The student's weights; None in the environment's own running state."""
    spent: Cost = field(default_factory=Cost)
    reckoned: Cost = field(default_factory=Cost)
    """The part of ``spent`` that is in the cost of a step already; the rest is in the next."""
    incidents: tuple[Incident, ...] = ()
    """The incidents since the last step."""
    rng_state: Mapping[str, Any] = field(default_factory=dict)
    """State of the environment's ``np_random``, which only seeds later episodes."""

    @property
    def divided(self) -> tuple[Sequence[Example], tuple[Example, ...]]:
        """The data that was trained on, and what waits for the next training run."""
        if not self.waiting:
            return self.data, ()  # Not copied: a step costs the same however many there were.
        trained = len(self.data) - self.waiting
        return self.data[:trained], self.data[trained:]

    def __repr__(self) -> str:
        end = f", ended by {shown(self.stop_reason)}" if self.stop_reason else ""
        best = f"best at step {self.best.step}"
        facts = f"{self.report.overall} on val, {len(self.data):,} examples, {best}"
        return f"<Snapshot after step {self.step}: {facts}{end}>"
