"""``expected-utility``: the skills that teaching changes most, under a model of the student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.bandits.bandit import best_arms
from teachgym.agents.curricula.rule import NamedRule
from teachgym.settings import Positive, ShareAboveZero, checked
from teachgym.types import FloatArray


@checked
@dataclass(eq=False, kw_only=True)
class ExpectedUtility(NamedRule):
    """Teaches the arms with the largest p_with - p_without, as a model of the student predicts.

    After Saha et al. 2023 (arXiv 2306.09299), sections 3.2 and 3.3, whose teacher may explain a
    share of the items and imitates the student with and without its help in two mental models::

        U(x) = p_with(right | x) - p_without(right | x)

    It is the rule of that paper and not its experiment, in which a language model is helped by
    explanations in its prompt:

    * What is chosen is an arm, and what helps is training on it: p is the accuracy after the step.
    * Both models add to an arm's accuracy its mean change when it was taught, or was not. The mean
      over all arms counts as ``prior`` steps more. Before anything was seen, teaching is believed
      to mend everything and the lack of it to change nothing, so U is the share of mistakes.
    * A misaligned teacher there explains wrong answers where that costs the most right ones. Here
      it teaches where U is least; that its data are wrong is for ``stress={"wrong_labels": 1}``.
    """

    share: ShareAboveZero = 1 / 3
    """The share of the arms that are taught in a step, in (0, 1]; at least one is."""
    rank: Literal["utility", "confidence", "random"] = "utility"
    """``utility``; ``confidence``, the paper's control that helps where the student is least sure,
    by its accuracy; or ``random``."""
    misaligned: bool = False
    """Whether it teaches what ranks last."""
    prior: Positive = 1.0
    """Steps that the mean over all arms counts as, > 0."""

    def __post_init__(self) -> None:
        self._width = max(1, round(self.share * len(self.names)))
        # By whether an arm was taught: how often, and the sum of its changes, (2, n_arms).
        self._times, self._changes = np.zeros((2, len(self.names))), np.zeros((2, len(self.names)))
        self._taught: NDArray[np.intp] | None = None
        self._before: FloatArray = np.zeros(len(self.names))

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        if self._taught is not None:
            taught = np.isin(np.arange(len(measured)), self._taught)
            self._times += [~taught, taught]
            self._changes += np.where([~taught, taught], measured - self._before, 0.0)
        worth = self._worth(measured)
        chosen = best_arms(-worth if self.misaligned else worth, self._width, self.rng)
        self._taught, self._before = chosen, measured
        return np.bincount(chosen, minlength=len(measured)) / len(chosen)

    def predict(self, accuracy: FloatArray) -> FloatArray:
        """Accuracy after a step without teaching and with it, shape (2, n_arms)."""
        times = self._times.sum(axis=1, keepdims=True)
        pooled = self._changes.sum(axis=1, keepdims=True) / np.maximum(times, 1)
        at_first = np.stack([np.zeros_like(accuracy), 1 - accuracy])
        expected = np.where(times > 0, pooled, at_first)
        change = (self._changes + self.prior * expected) / (self._times + self.prior)
        predicted: FloatArray = np.clip(accuracy + change, 0, 1)
        return predicted

    def _worth(self, accuracy: FloatArray) -> FloatArray:
        if self.rank == "random":
            return self.rng.random(len(accuracy))
        without, with_help = self.predict(accuracy)
        return with_help - without if self.rank == "utility" else 1 - accuracy
