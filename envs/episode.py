"""``Episode``: the interface of the base environment for its own parts, and its atomic steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from teachgym.envs.probe_log import ProbeLog
from teachgym.gate import Gate
from teachgym.ledger import Ledger
from teachgym.loop import Say
from teachgym.protocols import Evaluator, Probes, Student, Task, Trainer
from teachgym.snapshot import Snapshot
from teachgym.streams import RngName
from teachgym.types import Aid, Checkpoint, Cost


class Episode(Protocol):
    """A running episode, as ``teachgym.envs.base.TeacherEnv`` holds it."""

    task: Task
    student: Student
    untrained: Checkpoint
    trainer: Trainer[Any]
    evaluator: Evaluator
    gate: Gate
    ledger: Ledger
    probe_log: ProbeLog
    ending: bool
    say: Say

    @property
    def state(self) -> Snapshot:
        """Everything but the weights; raises ``EpisodeError`` before the first reset."""

    @property
    def probes(self) -> Probes:
        """The teacher's way to question the student."""

    def rng(self, name: RngName) -> np.random.Generator:
        """The random stream ``name`` of the current step."""

    def take_up(self, state: Snapshot) -> None:
        """Continue from ``state``, except for weights, ledger and random state."""

    def show_aids(self, aids: tuple[Aid, ...]) -> None:
        """Make the following evaluations with ``aids`` too."""

    @property
    def next_evaluation(self) -> Cost:
        """The cost reserved for the next evaluation on ``val``."""

    def price_of_answers(self, count: int) -> Cost:
        """The cost reserved for ``count`` answers."""


@contextmanager
def undone_on_error(env: Episode) -> Iterator[None]:
    """On any error within, restore the environment including its weights."""
    state = env.state
    at_hand = state.best.step == state.step  # These weights were saved a moment ago.
    weights = state.best.checkpoint if at_hand else env.student.save()
    with env.ledger.undone_on_error():
        try:
            yield
        except BaseException:
            env.take_up(state)
            env.student.restore(weights)
            raise
