"""Updates of a pool's students: gradients of batches, and one optimizer step for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch

from teachgym.students.local.pool import StudentPool
from teachgym.training.datum import Datum, by_datum
from teachgym.training.first_losses import FirstLosses
from teachgym.training.forward import run_pass, score_pass, token_budget
from teachgym.training.heads import Kernel, kernel_for
from teachgym.training.losses import Loss
from teachgym.training.optimizers import clip_gradients, make_optimizers
from teachgym.training.packing import passes
from teachgym.training.settings import FineTuningSettings


class Updates(Protocol):
    """The updates of one training run, with fresh optimizers."""

    def differentiate(
        self, now: Sequence[Sequence[Datum]], *, first: FirstLosses | None = None
    ) -> torch.Tensor:
        """Compute the gradients of each student's mean loss over its batch; the losses, (K,).

        Args:
            now: the batch of each.
            first: told the losses of the rows.
        """

    def apply(self, step: int) -> None:
        """Update every student that has an update number ``step`` (from 0) by its gradients."""


class EagerUpdates(Updates):
    """Updates operation by operation.

    Args:
        pool: of the students.
        settings: rates, clipping, and what is minimised.
        totals: how many updates each student gets, shape (K,).
        loss: what is minimised.
    """

    def __init__(
        self,
        pool: StudentPool,
        settings: FineTuningSettings,
        totals: Sequence[int],
        loss: Loss,
    ) -> None:
        self._pool, self._settings, self._totals, self._loss = pool, settings, totals, loss
        self._budget = token_budget(pool.network.device, settings.token_budget)
        self._kernel = kernel_for(pool, loss, settings.fused)
        self._optimizers = make_optimizers(pool.network.model, pool.weights, settings)

    @property
    def state(self) -> list[torch.Tensor]:
        """The state that updates change besides weights; with both copied back, they continue."""
        return [tensor for optimizer in self._optimizers for tensor in optimizer.state]

    def differentiate(
        self, now: Sequence[Sequence[Datum]], *, first: FirstLosses | None = None
    ) -> torch.Tensor:
        """Set the gradients of the weights, as ``Updates`` says."""
        return differentiate(
            self._pool, now, self._loss, self._budget, first=first, kernel=self._kernel
        )

    def apply(self, step: int) -> None:
        """Update the weights, as ``Updates`` says."""
        active = [k for k, total in enumerate(self._totals) if step < total]
        clip_gradients(self._pool.weights, self._settings.clip, active)
        rates = torch.tensor(rates_at(self._settings, step, self._totals))
        for optimizer in self._optimizers:
            optimizer.step(rates.to(self._pool.network.device), active)


def rates_at(settings: FineTuningSettings, step: int, totals: Sequence[int]) -> list[float]:
    """The learning rate of each student in update ``step`` of those that it gets, shape (K,)."""
    return [settings.rate(step, max(total, 1)) for total in totals]


@contextmanager
def in_training(
    pool: StudentPool, generators: Sequence[torch.Generator], seeds: Sequence[int]
) -> Iterator[None]:
    """Within, turn dropout on, drawn from ``seeds`` (K,), whoever else is trained."""
    device = pool.network.device
    for generator, seed in zip(generators, seeds, strict=True):
        generator.manual_seed(seed)
    # Dropout of the model's own takes no generator, so the global state is set and put back.
    with (
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        pool.network.training(),
        pool.layout.dropping_by(generators),
    ):
        torch.manual_seed(max(seeds))
        yield


def differentiate(
    pool: StudentPool,
    now: Sequence[Sequence[Datum]],
    loss: Loss,
    budget: int,
    *,
    totals: Sequence[float] | None = None,
    first: FirstLosses | None = None,
    kernel: Kernel | None = None,
) -> torch.Tensor:
    """Set the gradients of every student's mean loss over its batch; the losses, (K,).

    A weight on which no loss depends has the gradient 0.

    Args:
        pool: of the students.
        now: the batch of each.
        loss: what is minimised.
        budget: tokens in one pass.
        totals: see ``passes``.
        first: told the losses of the rows.
        kernel: see ``kernel_for``.
    """
    pool.network.model.zero_grad()
    losses = torch.zeros(pool.count, dtype=torch.float64, device=pool.network.device)
    for one in passes(now, budget, totals):
        losses += run_pass(pool, one, loss, first=first, kernel=kernel)
    for weight in pool.weights:
        # Without a gradient, momentum fades: for a student alone as for one among others.
        if weight.parameter.grad is None:
            weight.parameter.grad = torch.zeros_like(weight.parameter)
    return losses


def score(
    pool: StudentPool, budget: int, now: Sequence[Sequence[Datum]], *, temperature: float = 1.0
) -> Iterator[tuple[Datum, torch.Tensor]]:
    """Each example with the log-probabilities of its rows, (n_rows,), as passes read them."""
    for one in passes(now, budget):
        yield from by_datum(one.data, score_pass(pool, one, temperature))
