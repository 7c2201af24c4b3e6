"""Which tokens have a loss, and what a loss must know of them, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from teachgym.training.datum import Datum
from teachgym.training.losses import Preferences, Targets


def targets_of(data: Sequence[Datum], scales: Sequence[float]) -> Targets:
    """The tokens with a weight of all texts of ``data``, in order.

    Args:
        data: examples, of one student or of several.
        scales: what the weights of each example are multiplied by, shape (n_examples,).
    """
    labels: list[int] = []
    weights: list[float] = []
    for datum, scale in zip(data, scales, strict=True):
        for text in datum.responses:
            share = scale if text is datum else 0.0
            for token, weight in zip(text.ids, text.weights, strict=True):
                if weight:
                    labels.append(token)
                    weights.append(weight * share)
    right = torch.tensor(labels, dtype=torch.long)
    return Targets(right, torch.tensor(weights), _preferences(data, scales))


def _preferences(data: Sequence[Datum], scales: Sequence[float]) -> Preferences | None:
    if all(datum.rejected is None for datum in data):
        return None
    counts: list[int] = []
    signs: list[float] = []
    shares: list[float] = []
    references: list[float] = []
    for datum, scale in zip(data, scales, strict=True):
        n, n_rejected = datum.n_rows, datum.rejected.n_rows if datum.rejected else 0
        counts.append(n)
        signs += [1.0] * (n - n_rejected) + [-1.0] * n_rejected
        shares += [scale if n_rejected else 0.0] + [0.0] * (n - 1)
        references += datum.references or [0.0] * n
    owners = torch.arange(len(data)).repeat_interleave(torch.tensor(counts))
    return Preferences(owners, *map(torch.tensor, (signs, shares, references)))
