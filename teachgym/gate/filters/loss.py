"""``loss``: chooses by how surprising the targets are to the student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from teachgym.gate.filters.filter import Asking, Memory, all_but_highest
from teachgym.protocols import Probes
from teachgym.settings import ShareAboveZero, checked
from teachgym.types import Data, Example

Keep = Literal["high", "low", "middle"]


@checked
@dataclass(frozen=True, slots=True)
class Loss(Asking):
    """Keeps a share of the batch by the student's mean loss per token of the target.

    The usual baseline of data selection: perplexity, which orders as the loss does, highest,
    lowest or in the middle (Marion et al. 2023, arXiv 2309.04564, section 3.1, where a model of
    reference is asked and documents are chosen; here the student is, and targets are).
    """

    keep: Keep = "high"
    """``high``: what surprises most; ``low``: least; ``middle``: nearest to the median."""
    share: ShareAboveZero = 0.5
    """The share of the batch, rounded up, in (0, 1]."""

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        losses = mean_losses(probes, data)
        scores = {
            "high": losses,
            "low": -losses,
            "middle": -np.abs(losses - np.median(losses)),
        }
        return all_but_highest(scores[self.keep].tolist(), self.share, f"{self.keep} loss")


def mean_losses(probes: Probes, data: Sequence[Example]) -> np.ndarray:
    """The student's mean loss per token of each target, its end included; nats, shape (n,)."""
    return np.array([-float(np.mean(scores)) for scores in probes.logprobs(data)])
