"""What a pass computes: losses with their gradients, log-probabilities, a model's likeliest tokens.

The head is applied to rows with a weight alone, and to few of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import torch

from teachgym.students.local.network import split_by_tokens
from teachgym.students.local.pool import StudentPool
from teachgym.training.first_losses import FirstLosses
from teachgym.training.losses import Loss, Targets, TopK, concatenated, cross_entropy
from teachgym.training.packing import Pass

TOKEN_BUDGETS = {"cpu": 2048, "cuda": 32768}
"""Tokens in one pass: enough to hide overhead, few enough for caches and memory."""

_LOGITS_AT_ONCE = 2**26
"""Logits in memory at once; rows beyond that wait for the next chunk."""

_LEAST = -87.0
"""The least logarithm: of a probability that 32 bits can just hold."""


def token_budget(device: torch.device, asked: int | None = None) -> int:
    """Tokens in one pass: those asked for, or what suits the device."""
    return asked or TOKEN_BUDGETS.get(device.type, 2048)


def run_pass(
    pool: StudentPool, one: Pass, loss: Loss, *, first: FirstLosses | None = None
) -> torch.Tensor:
    """Forward and backward; each student's part of its mean loss, shape (K,).

    The head is applied to rows with a loss alone, and to few of them at a time: each chunk is
    differentiated before the next, so that large vocabularies need little memory. ``first`` is
    told the losses of the rows.
    """
    device = pool.network.device
    picked = _hidden(pool, one)
    leaf = picked.detach().requires_grad_()
    totals = [torch.zeros(pool.count, dtype=torch.float64, device=device)]
    rows = [torch.zeros(0, dtype=torch.float64, device=device)]
    for start, stop in _chunks(one.targets, pool.network.n_tokens, whole=loss.needs.groups):
        counts = _counts_within(one.n_targets, start, stop)
        told, hidden = one.targets.part(start, stop, device), leaf[start:stop]
        if loss.needs.hidden:
            told = replace(told, hidden=hidden)
        with pool.computing(), pool.layout.blocks(counts):
            row_losses = loss(pool.logits(hidden), told)
        row_losses.sum().backward()  # type: ignore[no-untyped-call]
        rows.append(row_losses.detach().double())
        pieces = torch.split(rows[-1], list(counts))
        totals.append(torch.stack([piece.sum() for piece in pieces]))
    if leaf.grad is not None:
        with pool.layout.blocks(one.n_read):
            picked.backward(leaf.grad)  # type: ignore[no-untyped-call]
    if first is not None:
        first.note(one.data, one.targets.weights, rows)
    return torch.stack(totals).sum(0)


@torch.no_grad()  # inference mode would multiply what students share all at once
def score_pass(pool: StudentPool, one: Pass, temperature: float = 1.0) -> torch.Tensor:
    """Log-probability of the right token of each row, shape (n,)."""
    hidden, scores = _hidden(pool, one), []
    for start, stop in _chunks(one.targets, pool.network.n_tokens):
        counts = _counts_within(one.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            part = one.targets.part(start, stop, hidden.device)
            scores.append(-cross_entropy(pool.logits(hidden[start:stop]) / temperature, part))
    return torch.cat(scores)


@torch.no_grad()
def read_pass(pool: StudentPool, one: Pass, n_tokens: int, top_k: int, temperature: float) -> TopK:
    """What the pool's students hold likeliest at each row, softened by ``temperature``.

    Of the vocabulary the first ``n_tokens`` count, which are those that have a text: heads are
    padded to round numbers.
    """
    hidden = _hidden(pool, one)
    told = []
    for start, stop in _chunks(one.targets, pool.network.n_tokens):
        counts = _counts_within(one.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            logits = pool.logits(hidden[start:stop])
        told.append(top_of(logits, n_tokens, top_k, temperature))
    return concatenated(told)


def top_of(logits: torch.Tensor, n_tokens: int, top_k: int, temperature: float) -> TopK:
    """The likeliest tokens by logits (n, V), kept on the CPU."""
    scores = (logits[:, :n_tokens].float() / temperature).log_softmax(-1)
    logprobs, ids = scores.topk(min(top_k, scores.shape[1]))
    rest = scores.scatter(-1, ids, -torch.inf).logsumexp(-1).clamp(min=_LEAST)
    return TopK(ids.int().cpu(), logprobs.cpu(), rest.cpu())


def _hidden(pool: StudentPool, one: Pass) -> torch.Tensor:
    """Hidden states of the rows with a loss, shape (n, d)."""
    with pool.computing(), pool.layout.blocks(one.n_read):
        hidden = pool.network.packed_hidden(one.texts)
    return hidden[one.rows.to(pool.network.device)]


def _chunks(targets: Targets, n_tokens: int, *, whole: bool = False) -> Iterator[tuple[int, int]]:
    """Where each chunk of rows starts and stops; ``whole`` groups are never parted."""
    n, chunk = len(targets.labels), max(1, _LOGITS_AT_ONCE // n_tokens)
    if not whole:
        return pairwise([*range(0, n, chunk), n])
    runs = split_by_tokens(targets.counts.tolist(), int, chunk)
    return pairwise([0, *accumulate(sum(run) for run in runs)])


def _counts_within(counts: Sequence[int], start: int, stop: int) -> tuple[int, ...]:
    """How many of each student's rows are in ``start:stop``, rows in order of students."""
    within, first = [], 0
    for count in counts:
        within.append(max(0, min(first + count, stop) - max(first, start)))
        first += count
    return tuple(within)
