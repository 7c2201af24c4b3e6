"""``tscl-online``, ``-naive``, ``-window``, ``-sampling``: teacher-student curriculum learning.

Matiisen et al. 2017 (arXiv 1707.00183), in the batch form, in which the teacher's action is a
distribution over tasks and every task is scored after each step. A task's value is the slope of its
learning curve, and tasks are preferred by its size, so that what is being forgotten comes back. The
four differ only in how the slope is estimated.

Differences:

* What the first observation shows is no progress: rewards start with the second, where the released
  code starts from a score of 0.
* One formula has both published ways to prefer; see ``prefer``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from teachgym.agents.curricula.rule import NamedRule, softmax
from teachgym.settings import CountFromTwo, Kept, NotNegative, Share, checked
from teachgym.types import FloatArray


def prefer(
    slopes: FloatArray, epsilon: float, temperature: float, rng: np.random.Generator
) -> FloatArray:
    """(1 - epsilon) softmax(|slope| / temperature) + epsilon / n, (n_arms,).

    At a temperature of 0 the steepest arm, drawn at random among equals, has the whole first part
    (epsilon-greedy); without epsilon it is Boltzmann's distribution.
    """
    size = np.abs(slopes)
    focus = softmax(size, temperature)
    if temperature == 0:
        focus = np.eye(len(size))[rng.choice(len(size), p=focus)]
    return (1 - epsilon) * focus + epsilon / len(size)


def slope(scores: Sequence[FloatArray]) -> FloatArray:
    """The slope of a straight line fitted to each arm's scores over steps, (n_arms,).

    1 for fewer than two scores, so that everything is tried.

    Example:
        >>> slope(list(np.array([[0.0, 0.5], [0.1, 0.5], [0.4, 0.2]]))).round(3).tolist()
        [0.2, -0.15]
    """
    if len(scores) < 2:
        return np.ones(len(scores[0]))
    steps = np.arange(len(scores)) - (len(scores) - 1) / 2
    fitted: FloatArray = steps @ np.array(scores) / (steps @ steps)
    return fitted


@checked
@dataclass(eq=False)
class _Rule(NamedRule):
    """The settings of all four: how a step is divided by slopes; see ``prefer``."""

    _: KW_ONLY
    epsilon: Share = 0.1
    """Share of the step that is uniform, in [0, 1]."""
    temperature: NotNegative = 0.0
    """>= 0; 0 = greedy."""

    def _prefer(self, slopes: FloatArray) -> FloatArray:
        return prefer(slopes, self.epsilon, self.temperature, self.rng)


@checked
@dataclass(eq=False, kw_only=True)
class Naive(_Rule):
    """Keeps to one mixture for ``window`` steps; Q <- Q + rate (slope over them - Q)."""

    window: CountFromTwo = 10
    """Steps, >= 2."""
    rate: Share = 0.1
    """In [0, 1]."""

    def __post_init__(self) -> None:
        self.values = np.zeros(len(self.names))
        self._scores: list[FloatArray] = []
        self._shares = self._prefer(self.values)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._scores.append(measured)
        if len(self._scores) > self.window:  # The scores before and after each of its steps.
            self.values = self.values + self.rate * (slope(self._scores) - self.values)
            self._shares = self._prefer(self.values)
            self._scores = [measured]
        return self._shares


@checked
@dataclass(eq=False, kw_only=True)
class Online(Naive):
    """Q <- Q + rate (r - Q), with r the change of an arm's score in the latest step."""

    window: Kept = field(default=1, init=False)


@checked
@dataclass(eq=False, kw_only=True)
class Window(_Rule):
    """The value is the slope over the last ``window`` scores."""

    window: CountFromTwo = 10
    """Scores remembered, >= 2."""

    def __post_init__(self) -> None:
        self._scores = deque[FloatArray](maxlen=self.window)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._scores.append(measured)
        return self._prefer(slope(self._scores))


@checked
@dataclass(eq=False, kw_only=True)
class Sampling(_Rule):
    """The value is one of the last ``window`` changes of the arm's score, drawn at random."""

    window: Kept = 10
    """Changes remembered, >= 1."""

    def __post_init__(self) -> None:
        self._changes = deque[FloatArray](maxlen=self.window)
        self._score: FloatArray | None = None

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        if self._score is not None:
            self._changes.append(measured - self._score)
        self._score = measured
        drawn = np.ones(len(measured))
        if self._changes:
            drawn = self.rng.permuted(np.array(self._changes), axis=0)[0]
        return self._prefer(drawn)
