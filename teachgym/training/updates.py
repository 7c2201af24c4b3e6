"""Updates of a pool's students: gradients of batches, and one optimizer step for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from teachgym.students.local.pool import StudentPool
from teachgym.training.datum import Datum
from teachgym.training.first_losses import FirstLosses
from teachgym.training.forward import run_pass, score_pass
from teachgym.training.losses import Loss
from teachgym.training.optimizers import clip_gradients, make_optimizers
from teachgym.training.packing import passes
from teachgym.training.settings import FineTuningSettings


class Updates:
    """The updates of one training run, with fresh optimizers.

    Args:
        pool: of the students.
        settings: rates and clipping.
        totals: how many updates each student gets, shape (K,).
    """

    def __init__(
        self, pool: StudentPool, settings: FineTuningSettings, totals: Sequence[int]
    ) -> None:
        self._pool, self._settings, self._totals = pool, settings, totals
        self._optimizers = make_optimizers(pool.network.model, pool.weights, settings)

    def apply(self, step: int) -> None:
        """Update every student that has an update number ``step`` (from 0) by its gradients."""
        active = [k for k, total in enumerate(self._totals) if step < total]
        clip_gradients(self._pool.weights, self._settings.clip, active)
        rates = [self._settings.rate(step, max(total, 1)) for total in self._totals]
        for optimizer in self._optimizers:
            optimizer.step(torch.tensor(rates, device=self._pool.network.device), active)


def differentiate(
    pool: StudentPool,
    now: Sequence[Sequence[Datum]],
    loss: Loss,
    budget: int,
    *,
    totals: Sequence[float] | None = None,
    first: FirstLosses | None = None,
) -> torch.Tensor:
    """Set the gradients of every student's mean loss over its batch; the losses, (K,).

    Args:
        pool: of the students.
        now: the batch of each.
        loss: what is minimised.
        budget: tokens in one pass.
        totals: see ``passes``.
        first: told the losses of the rows.
    """
    pool.network.model.zero_grad()
    losses = torch.zeros(pool.count, dtype=torch.float64, device=pool.network.device)
    for one in passes(now, budget, totals):
        losses += run_pass(pool, one, loss, first=first)
    return losses


def score(
    pool: StudentPool, budget: int, now: Sequence[Sequence[Datum]], *, temperature: float = 1.0
) -> Iterator[tuple[Sequence[Datum], torch.Tensor]]:
    """Pass by pass, the examples and the log-probabilities of their rows."""
    for one in passes(now, budget):
        yield one.data, score_pass(pool, one, temperature)
