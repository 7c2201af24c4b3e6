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

import numpy as np

from teachgym.agents.curricula.rule import softmax
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


class Online:
    """Q <- Q + rate (r - Q), with r the change of an arm's score in the latest step.

    Args:
        names: of the arms.
        rng: breaks ties.
        rate: in [0, 1].
        epsilon: share of the step that is uniform, in [0, 1].
        temperature: >= 0; 0 = greedy. See ``prefer``.
    """

    @checked
    def __init__(
        self,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        rate: Share = 0.1,
        epsilon: Share = 0.1,
        temperature: NotNegative = 0.0,
    ) -> None:
        self.rng = rng
        self.rate, self.epsilon, self.temperature = rate, epsilon, temperature
        self.values = np.zeros(len(names))
        self._scores: list[FloatArray] = []

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._scores = [*self._scores[-1:], measured]
        if len(self._scores) == 2:
            self.values = self.values + self.rate * (slope(self._scores) - self.values)
        return prefer(self.values, self.epsilon, self.temperature, self.rng)


class Naive:
    """Keeps to one mixture for ``window`` steps; Q <- Q + rate (slope over them - Q).

    Args:
        names: of the arms.
        rng: breaks ties.
        window: steps, >= 2.
        rate: in [0, 1].
        epsilon: share of the step that is uniform, in [0, 1].
        temperature: >= 0; 0 = greedy. See ``prefer``.
    """

    @checked
    def __init__(
        self,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        window: CountFromTwo = 10,
        rate: Share = 0.1,
        epsilon: Share = 0.1,
        temperature: NotNegative = 0.0,
    ) -> None:
        self.rng = rng
        self.window, self.rate = window, rate
        self.epsilon, self.temperature = epsilon, temperature
        self.values = np.zeros(len(names))
        self._scores: list[FloatArray] = []
        self._shares = prefer(self.values, epsilon, temperature, rng)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._scores.append(measured)
        if len(self._scores) > self.window:  # The scores before and after each of its steps.
            self.values = self.values + self.rate * (slope(self._scores) - self.values)
            self._shares = prefer(self.values, self.epsilon, self.temperature, self.rng)
            self._scores = [measured]
        return self._shares


class Window:
    """The value is the slope over the last ``window`` scores.

    Args:
        names: of the arms.
        rng: breaks ties.
        window: scores remembered, >= 2.
        epsilon: share of the step that is uniform, in [0, 1].
        temperature: >= 0; 0 = greedy. See ``prefer``.
    """

    @checked
    def __init__(
        self,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        window: CountFromTwo = 10,
        epsilon: Share = 0.1,
        temperature: NotNegative = 0.0,
    ) -> None:
        self.rng = rng
        self.epsilon, self.temperature = epsilon, temperature
        self._scores = deque[FloatArray](maxlen=window)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        self._scores.append(measured)
        return prefer(slope(self._scores), self.epsilon, self.temperature, self.rng)


class Sampling:
    """The value is one of the last ``window`` changes of the arm's score, drawn at random.

    Args:
        names: of the arms.
        rng: draws them, and breaks ties.
        window: changes remembered, >= 1.
        epsilon: share of the step that is uniform, in [0, 1].
        temperature: >= 0; 0 = greedy. See ``prefer``.
    """

    @checked
    def __init__(
        self,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        window: Kept = 10,
        epsilon: Share = 0.1,
        temperature: NotNegative = 0.0,
    ) -> None:
        self.rng = rng
        self.epsilon, self.temperature = epsilon, temperature
        self._changes = deque[FloatArray](maxlen=window)
        self._score: FloatArray | None = None

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        if self._score is not None:
            self._changes.append(measured - self._score)
        self._score = measured
        drawn = np.ones(len(measured))
        if self._changes:
            drawn = self.rng.permuted(np.array(self._changes), axis=0)[0]
        return prefer(drawn, self.epsilon, self.temperature, self.rng)
