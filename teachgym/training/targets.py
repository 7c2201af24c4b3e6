"""The tokens with a loss and the data about them, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress

import torch

from teachgym.training.datum import Datum
from teachgym.training.losses import Pieces, SampledRows, Targets, TopK, concatenated


def targets_of(data: Sequence[Datum], scales: Sequence[float]) -> Targets:
    """The tokens with a weight of all texts of ``data``, in order.

    Args:
        data: examples, of one student or of several.
        scales: what the weights of each example are multiplied by, shape (n_examples,).
    """
    labels: list[int] = []
    weights: list[float] = []
    shares: list[float] = []
    for datum, scale in zip(data, scales, strict=True):
        for text in datum.texts:
            labels += compress(text.ids, text.weights)
            weights += [weight * scale for weight in text.weights if weight]
        share, n_rows = scale if len(datum.texts) > 1 else 0.0, datum.n_rows
        shares += [share, *[0.0] * (n_rows - 1)][:n_rows]
    return Targets(
        torch.tensor(labels, dtype=torch.long),
        torch.tensor(weights),
        _numbered([text.n_rows for datum in data for text in datum.texts]),
        _numbered([datum.n_rows for datum in data]),
        torch.tensor(shares),
        torch.tensor([x for d in data for x in d.references or [0.0] * d.n_rows]),
        _teacher(data),
        _sampled(data),
        _pieces(data),
    )


def _numbered(counts: Sequence[int]) -> torch.Tensor:
    """0 as often as the first count says, then 1, ...; shape (n,)."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.long))


def _teacher(data: Sequence[Datum]) -> TopK | None:
    told = [datum.teacher for datum in data if datum.teacher is not None]
    if not told:
        return None
    return concatenated(told)


def _pieces(data: Sequence[Datum]) -> Pieces | None:
    pieces = [piece for datum in data for piece in datum.pieces]
    if not pieces:
        return None
    counts = torch.tensor([n_rows for n_rows, _ in pieces])
    logprobs = torch.tensor([likely for _, likely in pieces])
    return Pieces(_numbered([n for n, _ in pieces]), logprobs.repeat_interleave(counts))


def _sampled(data: Sequence[Datum]) -> SampledRows | None:
    """The knowledge of sampled responses, row by row; they are never mixed with others."""
    known = [(d.n_rows, one) for d in data if (one := d.sampled)]
    if not known:
        return None
    counts = torch.tensor([n for n, _ in known])
    each = ([x.advantage for _, x in known], [x.pull for _, x in known], [x.own for _, x in known])
    advantages, pulls, own = (torch.tensor(facts).repeat_interleave(counts) for facts in each)
    logprobs = [x for n, one in known for x in one.logprobs or [math.nan] * n]
    return SampledRows(advantages, pulls, torch.tensor(logprobs), own)
