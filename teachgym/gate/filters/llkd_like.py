"""``llkd-like``: chooses where the writer is sure and the student is not, class by class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from teachgym.errors import ConfigError
from teachgym.gate.filters.filter import Asking, Memory
from teachgym.protocols import Probes
from teachgym.settings import Few, Positive, ShareBelowOne, checked
from teachgym.streams import draw_seed
from teachgym.types import Data, Example

CONFIDENCE = "confidence"
"""The key of ``Example.meta`` for the chance, in [0, 1], that its writer gave its target."""

_SLACK = 1e-9
"""By which a signal may miss a threshold that is its own mean."""


@checked
@dataclass(frozen=True, slots=True)
class LlkdLike(Asking):
    """Keeps examples of a confident writer and an uncertain student, by moving thresholds.

    After LLKD (Li et al. 2024, arXiv 2411.08028), which keeps an example if the teacher's
    confidence and the student's uncertainty are both above thresholds that follow training, each
    class its own. The paper's formulas of the thresholds were not at hand, hence the name: here
    each is the exponential moving average of its signal in the class over the batches so far, as
    in FreeMatch (Wang et al. 2023, arXiv 2205.07246, equation 4), with one average for each class
    in place of a global one that is scaled by class. Further differences: classes are skills;
    uncertainty is the entropy of k sampled answers over log k, where a classifier would tell it;
    examples are chosen once a step and not in every batch, and none is weighted, since the gate
    alters nothing.

    With one threshold for all classes the rule can do worse than chance: uncertainty then picks
    the hardest skill alone. Auxiliary text is held to the same rule.

    Raises:
        ConfigError: for an example without the writer's confidence.
    """

    signals: Literal["both", "writer", "student"] = "both"
    """Signals whose thresholds hold; one alone is the rule without the other, to compare with."""
    samples: Few = 8
    """Answers of the student to each example, k >= 2, whose tokens are charged."""
    temperature: Positive = 1.0
    """The temperature of the samples, > 0."""
    momentum: ShareBelowOne = 0.9
    """Weight of the average so far, in [0, 1); 0 = each batch by itself."""
    by_class: bool = True
    """Whether each skill has thresholds of its own; without, all have one."""

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ConfigError(f"samples is {self.samples}; one answer has no entropy: 2 or more")

    @classmethod
    def asks(cls, settings: Mapping[str, Any]) -> bool:
        """Not where the writer's signal holds alone."""
        return settings.get("signals") != "writer"

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        classes = [example.skill if self.by_class else "" for example in data]
        faults: list[str | None] = [None] * len(data)
        if self.signals != "student":
            found = [_confidence(example) for example in data]
            faults = self._below("confidence", found, classes, memory, faults)
        if self.signals != "writer":
            seed = draw_seed(rng)
            answers = probes.sample(data, k=self.samples, temperature=self.temperature, seed=seed)
            found = [uncertainty(texts) for texts in answers]
            faults = self._below("uncertainty", found, classes, memory, faults)
        return faults

    def _below(
        self,
        signal: str,
        found: Sequence[float],
        classes: Sequence[str],
        memory: Memory,
        faults: Sequence[str | None],
    ) -> list[str | None]:
        """The faults, with those of examples whose signal is below the threshold of their class."""
        thresholds = memory.setdefault(signal, {})
        for name in dict.fromkeys(classes):
            mean = float(np.mean([x for x, of in zip(found, classes, strict=True) if of == name]))
            old = thresholds.get(name, mean)
            thresholds[name] = self.momentum * old + (1 - self.momentum) * mean
        return [
            fault
            if fault or value >= thresholds[of] - _SLACK
            else f"{signal} {value:.3g} is below {thresholds[of]:.3g}, the threshold of {of!r}"
            for value, of, fault in zip(found, classes, faults, strict=True)
        ]


def uncertainty(answers: Sequence[Hashable]) -> float:
    """The entropy of the answers, divided by the maximum for their number; in [0, 1].

    Example:
        >>> uncertainty(["a", "a", "b", "b"])
        0.5
    """
    shares = [count / len(answers) for count in Counter(answers).values()]
    return abs(sum(share * math.log(share) for share in shares)) / math.log(len(answers))


def _confidence(example: Example) -> float:
    told = example.meta.get(CONFIDENCE)
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= 1:
        return float(told)
    raise ConfigError(
        f"meta[{CONFIDENCE!r}] of {example.prompt!r:.80} is {told!r:.40}; it must be a number in "
        "[0, 1]: choose an engine that tells it, such as 'imperfect', or signals='student'"
    )
