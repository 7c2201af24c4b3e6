"""The parameters of a layer's attention besides queries, keys and values."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Scoring:
    """The function from scores of queries and keys to weights."""

    scale: float | None = None
    """The scale of scores; None = 1 / sqrt(D)."""
    dropout: float = 0.0
    """Share of the weights that is dropped."""
    softcap: float | None = None
    """Bound of scores s, which become softcap * tanh(s / softcap) (Gemma 2, arXiv 2408.00118,
    section 2); None = none."""
    window: int | None = None
    """The number of positions that a token sees, its own included; None = all up to its own."""
    sinks: torch.Tensor | None = None
    """A score for each head, (H,), that takes its share of the weight and gives nothing."""

    @property
    def is_plain(self) -> bool:
        """Whether the weights are a softmax of scaled scores."""
        return self.softcap is None and self.sinks is None
