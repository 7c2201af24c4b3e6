"""``ifd``: chooses the examples whose prompt helps the student least."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from teachgym.gate.filters.filter import Asking, Memory, all_but_highest
from teachgym.gate.filters.loss import mean_losses
from teachgym.protocols import Probes
from teachgym.settings import ShareAboveZero, checked
from teachgym.types import Data

_NO_PROMPT = "\n"
"""The prompt that stands for none: a model tells nothing of the first token that it reads."""


@checked
@dataclass(frozen=True, slots=True)
class Ifd(Asking):
    """Keeps the examples of highest instruction-following difficulty below 1.

    IFD(Q, A) = s(A | Q) / s(A), the mean loss per token of the answer with its question over that
    without (Li et al. 2023, arXiv 2308.12032, section 3.2, equations 2 to 4). From 1 on the
    question does not help at all, so that the two hardly belong together, and the example goes;
    of the others the highest share stays. Differences: the student itself is asked at every step,
    where the paper first trains a model on a thousand diverse examples and chooses once; the
    answer alone is read after an empty line. Both readings are charged.
    """

    share: ShareAboveZero = 0.1
    """The share of the batch, rounded up, in (0, 1]; the paper takes 0.05 to 0.15 of Alpaca's
    data."""

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        alone = [replace(e, prompt=_NO_PROMPT, turns=(), images=()) for e in data]
        ratios = difficulties(mean_losses(probes, data), mean_losses(probes, alone))
        below = np.where(ratios < 1, ratios, np.nan)
        return [
            f"IFD {ratio:.3g} is not below 1: the prompt does not help" if ratio >= 1 else fault
            for ratio, fault in zip(
                ratios, all_but_highest(below.tolist(), self.share, "IFD"), strict=True
            )
        ]


def difficulties(with_prompt: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """The ratios of losses, shape (n,); nan where the student knows the answer without a prompt."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alone > 0, with_prompt / alone, np.nan)
