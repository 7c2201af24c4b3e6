"""``smoke-test``: all orders go to the engine whose sample teaches the student most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.lookahead import Ahead, try_out
from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.settings import Kept, at_most, checked
from teachgym.types import Plan


class SmokeTest(Teacher[Any, Plan]):
    """Trains a copy of the student on a sample of each engine, and keeps to the best engine.

    The choice of a teacher in data-efficient distillation (Wu et al. 2025, arXiv 2508.09883): the
    teacher model to distil from is the one whose student is the best after a short training on a
    small sample, which need not be the one that answers best itself. Its other parts, which choose
    questions and answers, are the gate's. Skills get equal parts, of the samples and afterwards.
    The best sample is the first step that is made, so all samples are paid for, each once.

    Differences:

    * Teacher models are engines of the environment; the same engine with another chat model has
      another name there (``engine="by-order"``).
    * Copies are measured on ``val``. Where the budget does not pay for all of the samples, the
      first engines are tried, and with less than two the first one is taken.

    Args:
        ahead: the task without its held-out splits, and the right to try.
        engines: those to choose from, by the names that orders use.
        sample: examples in a sample, and so in the first step; None = as many as a step may have.
    """

    name = "smoke-test"

    @checked
    def __init__(
        self,
        ahead: Ahead[Classroom],
        *,
        engines: Sequence[str] = ("pool", "procedural"),
        sample: Kept | None = None,
    ) -> None:
        if not engines:
            raise ConfigError("engines is empty; give the name of at least one")
        self.classroom, self.lookahead = ahead.known, ahead.lookahead
        self.engines = tuple(engines)
        most = self.classroom.per_step
        self.sample = at_most("sample", sample or most, most)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the choice."""
        self._rng = np.random.default_rng(seed)
        self.engine = ""

    def act(self, observation: Any) -> Plan:
        """Order the best sample first, and then equal parts for all skills from its engine."""
        best = None if self.engine else self._best_sample()
        return best or self._ordered(self.classroom.per_step, self.engine)

    def _best_sample(self) -> Plan | None:
        """Choose the engine with the best sample, the first of equals; None if none was tried."""
        samples = [self._ordered(self.sample, engine) for engine in self.engines]
        _, tried = try_out(self.lookahead, samples)
        best = max(range(len(tried)), key=lambda place: tried[place].reward, default=0)
        self.engine = self.engines[best]
        return samples[best] if tried else None

    def _ordered(self, count: int, engine: str) -> Plan:
        return self.classroom.order_evenly(count, self._rng, engine)
