"""``Episode``: what the parts of the base environment may use of it, so that it can use them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from teachgym.envs.probe_log import ProbeLog
from teachgym.gate import Gate
from teachgym.ledger import Ledger
from teachgym.protocols import Probes, Student, Task, Trainer
from teachgym.snapshot import Snapshot
from teachgym.streams import RngName
from teachgym.types import Aid, Cost


class Episode(Protocol):
    """An episode under way, as ``teachgym.envs.base.TeacherEnv`` holds it."""

    task: Task
    student: Student
    trainer: Trainer[Any]
    gate: Gate
    ledger: Ledger
    probe_log: ProbeLog
    ending: bool

    @property
    def state(self) -> Snapshot:
        """Everything but the weights; raises ``EpisodeError`` before the first reset."""

    @property
    def probes(self) -> Probes:
        """The questions that may be asked of the student."""

    def rng(self, name: RngName) -> np.random.Generator:
        """The random stream ``name`` of the current step."""

    def take_up(self, state: Snapshot) -> None:
        """Go on from ``state``, as far as weights, ledger and random state do not matter."""

    def show_aids(self, aids: tuple[Aid, ...]) -> None:
        """Have the next evaluations made with ``aids`` too."""

    @property
    def next_evaluation(self) -> Cost:
        """What is set aside for the next evaluation on ``val``."""

    def price_of_answers(self, count: int) -> Cost:
        """What is set aside for ``count`` answers."""
