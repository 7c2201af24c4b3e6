"""The results of a pass: losses with gradients, log-probabilities, likeliest tokens.

The head is applied to rows with a weight alone, and to few of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch

from teachgym.students.local.attention import AttentionPlan
from teachgym.students.local.network import pack, pack_branched, split_by_tokens
from teachgym.students.local.pool import StudentPool
from teachgym.training.first_losses import FirstLosses
from teachgym.training.heads import Kernel, by_autograd, by_kernel
from teachgym.training.losses import Loss, Targets, TopK, concatenated, cross_entropy
from teachgym.training.packing import Pass

TOKEN_BUDGETS = {"cpu": 2048, "cuda": 32768}
"""Tokens in one pass: enough to hide overhead, few enough for caches and memory."""

_LOGITS_AT_ONCE = 2**26
"""Logits in memory at once; rows beyond that wait for the next chunk."""

_LEAST = -87.0
"""The least logarithm: of a probability that 32 bits can just hold."""


def token_budget(device: torch.device, asked: int | None = None) -> int:
    """The tokens of one pass: the requested number, or a suitable one for the device."""
    return asked or TOKEN_BUDGETS.get(device.type, 2048)


@dataclass(frozen=True)
class Reading:
    """The inputs of a pass, on the device, in order of students."""

    ids: torch.Tensor
    """Tokens, shape (1, T)."""
    positions: torch.Tensor
    """The positions of the tokens in their texts, shape (1, T)."""
    plan: AttentionPlan
    n_read: tuple[int, ...]
    """Tokens of each student, shape (K,)."""
    rows: torch.Tensor
    """Rows of the hidden states with a loss, shape (n,)."""
    n_targets: tuple[int, ...]
    """Rows of each student, shape (K,)."""
    targets: Targets
    """The targets of these rows; they may be elsewhere."""


def reading_of(one: Pass, device: torch.device) -> Reading:
    """The tensors of an unpadded pass."""
    ids, positions, plan = (
        pack_branched(one.texts, one.parents, device) if one.parents else pack(one.texts, device)
    )
    return Reading(
        ids,
        positions,
        plan,
        n_read=one.n_read,
        rows=one.rows.to(device),
        n_targets=one.n_targets,
        targets=one.targets,
    )


def run_pass(
    pool: StudentPool,
    one: Pass,
    loss: Loss,
    *,
    first: FirstLosses | None = None,
    kernel: Kernel | None = None,
) -> torch.Tensor:
    """Forward and backward; each student's part of its mean loss, shape (K,).

    ``first`` is told the losses of the rows; ``kernel`` is that of ``kernel_for``.
    """
    device = pool.network.device
    chunks = [*_chunks(one.targets, pool.network.n_tokens, whole=loss.needs.groups)]
    found = differentiate_rows(pool, reading_of(one, device), loss, chunks, kernel=kernel)
    totals = [torch.zeros(pool.count, dtype=torch.float64, device=device)]
    for (start, stop), rows in zip(chunks, found, strict=True):
        pieces = torch.split(rows, list(_counts_within(one.n_targets, start, stop)))
        totals.append(torch.stack([piece.sum() for piece in pieces]))
    if first is not None:
        none = torch.zeros(0, dtype=torch.float64, device=device)
        first.note(one.data, one.targets.weights, [none, *found])
    return torch.stack(totals).sum(0)


def differentiate_rows(
    pool: StudentPool,
    reading: Reading,
    loss: Loss,
    chunks: Iterable[tuple[int, int]],
    *,
    kernel: Kernel | None = None,
) -> list[torch.Tensor]:
    """Forward and backward; the losses of the rows of each chunk, in 64 bits.

    The head is applied to rows with a loss alone, and to few of them at a time: each chunk is
    differentiated before the next, so that large vocabularies need little memory. ``kernel`` does
    it where it is given, which has to compute ``loss``.
    """
    picked = _hidden(pool, reading)
    found, gradients = [], []
    for start, stop in chunks:
        counts = _counts_within(reading.n_targets, start, stop)
        told, hidden = reading.targets.part(start, stop, picked.device), picked[start:stop]
        losses, gradient = (
            by_kernel(pool, kernel, hidden, told, counts)
            if kernel
            else by_autograd(pool, loss, hidden, told, counts)
        )
        found.append(losses.double())
        gradients += [] if gradient is None else [gradient]
    if gradients:
        with pool.layout.blocks(reading.n_read):
            picked.backward(torch.cat(gradients))  # type: ignore[no-untyped-call]
    return found


@torch.no_grad()  # inference mode would multiply what students share all at once
def score_pass(pool: StudentPool, one: Pass, temperature: float = 1.0) -> torch.Tensor:
    """Log-probability of the right token of each row, shape (n,)."""
    chunks = _chunks(one.targets, pool.network.n_tokens)
    return score_rows(pool, reading_of(one, pool.network.device), chunks, temperature)


@torch.no_grad()
def score_rows(
    pool: StudentPool,
    reading: Reading,
    chunks: Iterable[tuple[int, int]],
    temperature: float = 1.0,
) -> torch.Tensor:
    """Score rows like ``score_pass``, in chunks."""
    hidden = _hidden(pool, reading)
    scores = [torch.zeros(0, device=hidden.device)]  # where no row has a weight
    for start, stop in chunks:
        counts = _counts_within(reading.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            part = reading.targets.part(start, stop, hidden.device)
            scores.append(-cross_entropy(pool.logits(hidden[start:stop]) / temperature, part))
    return torch.cat(scores)


@torch.no_grad()
def read_pass(pool: StudentPool, one: Pass, n_tokens: int, top_k: int, temperature: float) -> TopK:
    """The likeliest tokens of the pool's students at each row, at ``temperature``.

    Of the vocabulary the first ``n_tokens`` count, which are those that have a text: heads are
    padded to round numbers.
    """
    hidden = _hidden(pool, reading_of(one, pool.network.device))
    told = []
    # Where no row has a weight, something is told all the same: of no row.
    for start, stop in [*_chunks(one.targets, pool.network.n_tokens)] or [(0, 0)]:
        counts = _counts_within(one.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            logits = pool.logits(hidden[start:stop])
        told.append(top_of(logits, n_tokens, top_k, temperature))
    return concatenated(told)


def top_of(logits: torch.Tensor, n_tokens: int, top_k: int, temperature: float) -> TopK:
    """The likeliest tokens by logits (n, V), kept on the CPU; all of them in their own order."""
    scores = (logits[:, :n_tokens].float() / temperature).log_softmax(-1)
    if top_k < scores.shape[1]:
        logprobs, ids = scores.topk(top_k)
    else:  # Sorting a vocabulary takes longer than computing it.
        logprobs, ids = (
            scores,
            torch.arange(scores.shape[1], device=scores.device).expand_as(scores),
        )
    rest = scores.scatter(-1, ids, -torch.inf).logsumexp(-1).clamp(min=_LEAST)
    return TopK(ids.int().cpu(), logprobs.cpu(), rest.cpu())


def _hidden(pool: StudentPool, reading: Reading) -> torch.Tensor:
    """Hidden states of the rows with a loss, shape (n, d)."""
    with pool.computing(), pool.layout.blocks(reading.n_read):
        hidden = pool.network.hidden(reading.ids, reading.positions, reading.plan)[0]
    return hidden[reading.rows]


def _chunks(targets: Targets, n_tokens: int, *, whole: bool = False) -> Iterator[tuple[int, int]]:
    """The starts and stops of chunks of rows; ``whole`` groups are never parted."""
    n, chunk = len(targets.labels), max(1, _LOGITS_AT_ONCE // n_tokens)
    if not whole:
        return pairwise([*range(0, n, chunk), n])
    runs = split_by_tokens(targets.counts.tolist(), int, chunk)
    return pairwise([0, *accumulate(sum(run) for run in runs)])


def _counts_within(counts: Sequence[int], start: int, stop: int) -> tuple[int, ...]:
    """The number of each student's rows in ``start:stop``; rows are in order of students."""
    within, first = [], 0
    for count in counts:
        within.append(max(0, min(first + count, stop) - max(first, start)))
        first += count
    return tuple(within)
