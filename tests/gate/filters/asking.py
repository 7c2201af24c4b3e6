"""A student's answers for filters, written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from teachgym.protocols import Probes
from teachgym.types import Example, Items


@dataclass
class Answers(Probes):
    """Answers by prompt; everything that was asked is kept."""

    sampled: dict[str, list[str]] = field(default_factory=dict)
    """The samples to each prompt, in order."""
    scores: dict[str, Sequence[float]] = field(default_factory=dict)
    """The log-probabilities of the target to each prompt."""
    said: dict[str, str] = field(default_factory=dict)
    """The greedy answer to each prompt; "" to others."""
    asked: list[Any] = field(default_factory=list)

    def greedy(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[str]:
        prompts = [example.prompt for example in examples(items)]
        self.asked.append(prompts)
        return [self.said.get(prompt, "") for prompt in prompts]

    def sample(
        self, items: Items | Sequence[Example], *, k: int, temperature: float = 1.0, **rest: Any
    ) -> list[list[str]]:
        self.asked.append({"k": k, "temperature": temperature, **rest})
        return [self.sampled[example.prompt][:k] for example in examples(items)]

    def logprobs(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[np.ndarray]:
        self.asked.append([example.prompt for example in examples(items)])
        return [np.array(self.scores[example.prompt]) for example in examples(items)]


def examples(items: Items | Sequence[Example]) -> Sequence[Example]:
    assert not isinstance(items, Items)
    return items


def kept(faults: Sequence[str | None]) -> list[int]:
    """The places of what stays."""
    return [place for place, fault in enumerate(faults) if fault is None]
