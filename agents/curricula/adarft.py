"""``adarft``: examples near a target difficulty, which rises with the student's success."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from teachgym.agents.bandits.bandit import best_arms
from teachgym.agents.curricula.rule import NamedRule
from teachgym.settings import NotNegative, Share, ShareAboveZero, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class AdaptiveDifficulty(NamedRule):
    """Orders equally from the arms closest to a target difficulty T, which follows success on them.

    Shi et al. 2025 (arXiv 2504.05520), algorithm 1, with difficulties in [0, 1] instead of
    [0, 100]::

        T <- clip(T + step tanh(sensitivity (R - target)), 0, 1)

    Differences:

    * R is the mean reward of the answers sampled for a batch. Here it is the accuracy on the arms
      ordered, measured just before they were trained, as the answers are.
    * The difficulty of a problem is how often a language model fails it. Here it is how often the
      untrained student fails on the arm, by the first observation.
    * Theirs takes the problems closest to T to fill a batch; here ``share`` of the arms fill it.
    """

    target: Share = 0.5
    """Success aimed at, in [0, 1]."""
    sensitivity: NotNegative = 2.0
    """The sensitivity of T to success, >= 0."""
    step: NotNegative = 0.5
    """The most that T moves at once, >= 0."""
    start: Share = 0.0
    """T at first, in [0, 1]."""
    share: ShareAboveZero = 1 / 3
    """The share of the arms that are taught in a step, in (0, 1]; at least one is."""

    def __post_init__(self) -> None:
        self.difficulty = self.start
        self._width = max(1, round(self.share * len(self.names)))
        self._difficulties: FloatArray | None = None
        self._success: float | None = None

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        if self._difficulties is None:
            self._difficulties = 1 - measured
        if self._success is not None:
            pull = math.tanh(self.sensitivity * (self._success - self.target))
            self.difficulty = min(max(self.difficulty + self.step * pull, 0.0), 1.0)
        distance = np.abs(self._difficulties - self.difficulty)
        chosen = best_arms(-distance, self._width, self.rng)
        self._success = float(measured[chosen].mean())
        return np.bincount(chosen, minlength=len(measured)) / len(chosen)
