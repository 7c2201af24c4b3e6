"""Updates as a few captured steps: a pass for each size, and one step of the optimizer.

On a GPU a step is captured as a CUDA graph and replayed with one launch; on a CPU the same steps
are run operation by operation, so that all but the capture is tried by tests there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from teachgym.students.local.graphs import Graphs
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.weights import Weight
from teachgym.training.buckets import Bucket, Padded, bucket_of, padded, tensors_of
from teachgym.training.datum import Datum, by_datum
from teachgym.training.first_losses import FirstLosses
from teachgym.training.forward import (
    differentiate_rows,
    run_pass,
    score_pass,
    score_rows,
    token_budget,
)
from teachgym.training.heads import kernel_for
from teachgym.training.losses import Loss, Needs, Targets, losses_of, mapped
from teachgym.training.muon import Muon
from teachgym.training.optimizers import FusedAdamW, Optimizer, split
from teachgym.training.packing import Pass, passes
from teachgym.training.settings import FineTuningSettings
from teachgym.training.updates import Updates, in_training, rates_at

_LOGITS_AT_ONCE = 2**28
"""Logits in memory at once; rows beyond that wait for the next chunk of the same step."""


def captures(pool: StudentPool, settings: FineTuningSettings) -> bool:
    """Whether updates are padded and captured: as asked, or else on GPUs, with two exceptions.

    Padded to the longest of several, a ``strict`` student's sums would be rounded by the others'
    data. And where torch's kernels do not know how scores become weights, each token of a padded
    pass would have a score for every other one, not for those of its own text alone.
    """
    if settings.captured is not None:
        return settings.captured
    on_gpu = pool.network.device.type == "cuda"
    return on_gpu and not pool.layout.strict and pool.network.scores_plainly


class CapturedUpdates(Updates):
    """Updates of padded batches, whose steps stay captured from one training run to the next.

    Weights, gradients and the optimizer's state each are one tensor. What differs between two
    batches of a size is copied to where the step reads it, learning rates too.

    Args:
        pool: of the students.
        settings: rates, clipping and optimizer.
        loss: what is minimised.
    """

    def __init__(self, pool: StudentPool, settings: FineTuningSettings, loss: Loss) -> None:
        self._pool, self._settings, self._loss = pool, settings, loss
        self._flat, device = pool.flat, pool.network.device
        self._kernel = kernel_for(pool, loss, settings.fused)
        self._budget = token_budget(device, settings.token_budget)
        self._gradients = torch.zeros_like(self._flat.values)  # (K, n)
        self._rates = torch.zeros(pool.count, device=device)
        self._optimizers = self._make_optimizers()
        self._generators = [torch.Generator(device) for _ in range(pool.count)]
        drops = pool.lora is not None and pool.lora.dropout > 0
        self._graphs = Graphs(device, self._generators if drops else ())
        self._buffers: dict[Hashable, tuple[Padded, torch.Tensor]] = {}
        self._totals: Sequence[int] = ()
        self._compiled = False

    def _make_optimizers(self) -> tuple[Optimizer, ...]:
        flat = self._flat
        gradients = flat.views(self._gradients)
        weights = [
            _with_gradient(w.name, view, gradient)
            for w, view, gradient in zip(
                flat.weights, flat.views(flat.values), gradients, strict=True
            )
        ]
        hidden, rest = split(self._pool.network.model, self._pool.weights, self._settings)
        by_name = {w.name: w for w in weights}
        if not hidden:
            return (FusedAdamW([_with_gradient("all", flat.values, self._gradients)]),)
        muon = Muon([by_name[w.name] for w in hidden])
        return (muon, *([FusedAdamW([by_name[w.name] for w in rest])] if rest else []))

    def serve(self, pool: StudentPool, settings: FineTuningSettings, loss: Loss) -> bool:
        """Whether these updates fit the given ones."""
        return (self._pool, self._settings, self._loss) == (pool, settings, loss)

    @contextmanager
    def training(
        self, totals: Sequence[int], seeds: Sequence[int], *, compiled: bool = False
    ) -> Iterator[None]:
        """Train within, from the optimizer's beginning on.

        Args:
            totals: how many updates each student gets, shape (K,).
            seeds: of dropout, shape (K,).
            compiled: whether layers are compiled, which makes other steps.
        """
        self._totals, self._compiled = totals, compiled
        with torch.no_grad():
            for tensor in (self._gradients, *self._state):
                tensor.zero_()
        with (
            in_training(self._pool, self._generators, seeds),
            self._flat.computing(self._pool.network.model),
        ):
            yield

    def differentiate(
        self, now: Sequence[Sequence[Datum]], *, first: FirstLosses | None = None
    ) -> torch.Tensor:
        """Add up the gradients of all passes, as ``Updates`` says."""
        device = self._pool.network.device
        losses = torch.zeros(self._pool.count, dtype=torch.float64, device=device)
        for one in passes(now, self._budget):
            losses += self._pass(one, first)
        return losses

    def score(self, now: Sequence[Sequence[Datum]]) -> Iterator[tuple[Datum, torch.Tensor]]:
        """Score like ``updates.score``; a student is its own reference."""
        for one in passes(now, self._budget):
            sizes = bucket_of(one)
            if self._is_paddable(sizes):
                key, kept, rows = self._filled(one, sizes)
                self._graphs.run(("score", key), partial(self._score, kept, sizes, rows), [rows])
                yield from by_datum(one.data, torch.cat(_of_data(rows, one)))
            else:
                yield from by_datum(one.data, score_pass(self._pool, one))

    def apply(self, step: int) -> None:
        """Update the weights, as ``Updates`` says."""
        rates = [
            rate if step < total else 0.0
            for rate, total in zip(
                rates_at(self._settings, step, self._totals), self._totals, strict=True
            )
        ]
        _fill(self._rates, torch.tensor(rates))
        used = self._rates[:1] if len(set(rates)) == 1 else self._rates
        state = [self._flat.values, self._gradients, *self._state]
        self._graphs.run(("apply", len(used)), partial(self._apply, used), state)

    @property
    def _state(self) -> list[torch.Tensor]:
        return [tensor for optimizer in self._optimizers for tensor in optimizer.state]

    @torch.no_grad()
    def _apply(self, rates: torch.Tensor) -> None:
        """Clip, update with rates as an optimizer takes them, and forget the gradients."""
        norms = torch.linalg.vector_norm(self._gradients, dim=1, keepdim=True)  # (K, 1)
        self._gradients.mul_((self._settings.clip / (norms + 1e-6)).clamp(max=1.0))
        for optimizer in self._optimizers:
            optimizer.step(rates, range(len(self._rates)))
        self._gradients.zero_()
        self._flat.refresh()

    def _pass(self, one: Pass, first: FirstLosses | None) -> torch.Tensor:
        """Add the gradients of a pass; each student's part of its mean loss, (K,)."""
        sizes = bucket_of(one)
        if not self._is_paddable(sizes):
            losses = run_pass(self._pool, one, self._loss, first=first, kernel=self._kernel)
            self._flat.gather(self._gradients)
            return losses
        key, kept, rows = self._filled(one, sizes)
        step = partial(self._differentiate, kept, sizes, rows)
        self._graphs.run((key, self._compiled), step, [self._gradients])
        if first is not None:
            first.note(one.data, one.targets.weights, _of_data(rows, one))
        return rows.sum(1)

    def _filled(self, one: Pass, sizes: Bucket) -> tuple[Hashable, Padded, torch.Tensor]:
        """The key to a pass's shapes, its filled buffers, and the places of its rows, (K, n)."""
        new = padded(one, sizes)
        key = (sizes, *(tensor.shape for tensor in tensors_of(new)))
        if key not in self._buffers:
            device = self._pool.network.device
            rows = torch.zeros(self._pool.count, sizes.rows, dtype=torch.float64, device=device)
            self._buffers[key] = mapped(new, partial(torch.empty_like, device=device)), rows
        kept, rows = self._buffers[key]
        for buffer, tensor in zip(tensors_of(kept), tensors_of(new), strict=True):
            _fill(buffer, tensor)
        return key, kept, rows

    def _is_paddable(self, sizes: Bucket) -> bool:
        """Whether a pass can be computed without knowing what is in it.

        Where hidden states are compared, how many there are depends on the data.
        """
        n_logits = self._pool.count * sizes.rows * self._pool.network.n_tokens
        is_parted = n_logits > _LOGITS_AT_ONCE
        return not (self._loss.needs.hidden or (is_parted and self._is_whole))

    @property
    def _is_whole(self) -> bool:
        """Whether all logits of a pass are needed at once, for groups or for stacked heads."""
        return self._loss.needs.groups or (self._pool.count > 1 and self._pool.lora is None)

    def _differentiate(self, kept: Padded, sizes: Bucket, rows: torch.Tensor) -> None:
        """Forward and backward of what is in the buffers; the losses of rows go to ``rows``."""
        found = differentiate_rows(
            self._pool,
            kept.reading(sizes),
            _OfData(self._loss),
            self._chunks(len(kept.rows)),
            kernel=self._kernel,
        )
        rows.copy_(torch.cat(found).view_as(rows))
        self._flat.gather(self._gradients)

    def _score(self, kept: Padded, sizes: Bucket, rows: torch.Tensor) -> None:
        """Forward of what is in the buffers; the log-probabilities of rows go to ``rows``."""
        found = score_rows(self._pool, kept.reading(sizes), self._chunks(len(kept.rows)))
        rows.copy_(found.view_as(rows))

    def _chunks(self, n: int) -> list[tuple[int, int]]:
        at_once = max(1, _LOGITS_AT_ONCE // self._pool.network.n_tokens)
        chunk = n if self._is_whole else at_once
        return [(start, min(n, start + chunk)) for start in range(0, n, chunk)]


class _OfData(Loss):
    """A loss that is 0 in rows that belong to no example, whatever it computes there.

    Args:
        loss: the loss.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    @property
    def needs(self) -> Needs:
        """The loss's."""
        return self._loss.needs

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        return torch.where(targets.weights != 0, losses_of(self._loss, logits, targets), 0.0)


def _of_data(rows: torch.Tensor, one: Pass) -> list[torch.Tensor]:
    """A copy of those of ``rows`` (K, n) that are not filled up; the next pass writes there."""
    return [own[:n] for own, n in zip(rows.clone(), one.n_targets, strict=True)]


def _with_gradient(name: str, values: torch.Tensor, gradient: torch.Tensor) -> Weight:
    """Values (K, ...) with their gradient as a weight, both in place."""
    parameter = nn.Parameter(values)
    parameter.grad = gradient
    return Weight(name, parameter, is_stacked=True)


def _fill(buffer: torch.Tensor, values: torch.Tensor) -> None:
    """Copy from the CPU without waiting for the device."""
    buffer.copy_(values.pin_memory() if buffer.is_cuda else values, non_blocking=True)
