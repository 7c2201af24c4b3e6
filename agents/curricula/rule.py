"""Rules: from measurements of every arm to its share of the next step; their common parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from teachgym.errors import ConfigError, UnknownSkillError, require_known
from teachgym.settings import checked
from teachgym.types import FloatArray


class Rule(Protocol):
    """Divides a step among arms: the skills, or the skills at a level."""

    def plan(self, measured: FloatArray) -> FloatArray:
        """Shares of the next step, >= 0 with sum 1, (n_arms,); called once a step.

        ``measured`` has the student's accuracy on each arm, or its loss for rules that follow
        losses, (n_arms,), finite: what was not measured has the latest value known.
        """


@checked
@dataclass(eq=False)
class NamedRule(Rule):
    """The arguments of every rule before its settings."""

    names: Sequence[str]
    """The names of the arms."""
    rng: np.random.Generator
    """Source of all randomness."""


MakeRule = Callable[[Sequence[str], np.random.Generator], Rule]
"""Builds a rule for arms of the given names; the generator is the source of all randomness."""


def softmax(values: FloatArray, temperature: float = 1.0) -> FloatArray:
    """exp(v / temperature) / sum, (n_arms,); equal shares of the largest at a temperature of 0.

    Example:
        >>> softmax(np.array([1.0, 3.0, 3.0]), temperature=0).tolist()
        [0.0, 0.5, 0.5]
    """
    below = values - values.max()
    weights = np.exp(below / temperature) if temperature > 0 else (below == 0).astype(np.float64)
    shares: FloatArray = weights / weights.sum()
    return shares


def by_arm(reference: float | Mapping[str, float], names: Sequence[str]) -> FloatArray:
    """A loss for each arm, (n_arms,), from a common one or from ``{arm: loss}``.

    Raises:
        UnknownSkillError: for a loss of something that is no arm.
        ConfigError: for losses that leave an arm out.
    """
    if not isinstance(reference, Mapping):
        return np.full(len(names), float(reference))
    require_known("skill", reference, names, UnknownSkillError)
    if left_out := [name for name in names if name not in reference]:
        raise ConfigError(f"reference leaves out {', '.join(left_out)}; give a loss for every arm")
    return np.array([reference[name] for name in names])


Signal = Literal["gain", "advantage"]
"""A stand-in for the mean size of an advantage, which fine-tuning on examples has not: the
size of the latest gain of accuracy, or what the advantage would be; see ``Learnability``."""


class Learnability:
    """The learnability of each arm by the chosen signal, (n_arms,), in [0, 1].

    * ``gain``: |p_now - p_before|; 0 before the first step.
    * ``advantage``: 2 sqrt(p (1 - p)). Answers graded 0 or 1 with mean p have the advantage
      (r - p) / sd (GRPO), and sd = sqrt(p (1 - p)), so its mean size is 2 p (1 - p) / sd.
    """

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self._before: FloatArray | None = None

    def __call__(self, accuracy: FloatArray) -> FloatArray:
        """By the accuracy now; to be called once a step."""
        before = accuracy if self._before is None else self._before
        self._before = accuracy
        found = abs(accuracy - before)
        return found if self.signal == "gain" else 2 * np.sqrt(accuracy * (1 - accuracy))
