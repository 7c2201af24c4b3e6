"""Optimizers of K students at once: each tensor (K, ...) is updated as K tensors would be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from teachgym.students.local.pool import Weight
from teachgym.training.muon import Muon, groups
from teachgym.training.settings import FineTuningSettings


class Optimizer(Protocol):
    """Updates the weights of those students that are still in training."""

    @property
    def weights(self) -> Sequence[Weight]:
        """What is updated."""

    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """One update with learning rates (K,), of the students ``active``, ascending."""


class AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) without weight decay.

    Being element-wise, it does to K stacked tensors what K optimizers would do.

    Args:
        weights: what to train.
        betas: decay of the two averages, each in [0, 1).
        eps: keeps divisions finite.
    """

    def __init__(
        self,
        weights: Sequence[Weight],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.weights, self._betas, self._eps = tuple(weights), betas, eps
        self._first = [torch.zeros_like(w.values) for w in weights]
        self._second = [torch.zeros_like(w.values) for w in weights]
        self._step = 0

    @torch.no_grad()
    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """See ``Optimizer``; a student that has left never comes back."""
        self._step += 1
        for students in groups(len(rates), active):
            self._update(rates[students], students)

    def _update(self, rates: torch.Tensor, students: slice) -> None:
        one, two = self._betas
        chosen = [i for i, w in enumerate(self.weights) if w.grad is not None]
        if not chosen:
            return
        grads = [g[students] for i in chosen if (g := self.weights[i].grad) is not None]
        values = [self.weights[i].values[students] for i in chosen]
        first, second = ([m[i][students] for i in chosen] for m in (self._first, self._second))
        torch._foreach_lerp_(first, grads, 1 - one)
        torch._foreach_mul_(second, two)
        torch._foreach_addcmul_(second, grads, grads, 1 - two)
        scale = torch._foreach_sqrt(second)
        torch._foreach_div_(scale, (1 - two**self._step) ** 0.5)
        torch._foreach_add_(scale, self._eps)
        updates = torch._foreach_div(first, scale)
        rates = rates / (1 - one**self._step)
        torch._foreach_mul_(updates, [rates.view(-1, *[1] * (u.ndim - 1)) for u in updates])
        torch._foreach_sub_(values, updates)


def make_optimizers(
    model: Any, weights: Sequence[Weight], settings: FineTuningSettings
) -> tuple[Optimizer, ...]:
    """Optimizers over all weights of a model; Muon takes the matrices of hidden layers."""
    outer = (model.get_input_embeddings(), model.get_output_embeddings())
    embeddings = {id(p) for module in outer for p in module.parameters()}
    hidden = [w for w in weights if w.values.ndim == 3 and id(w.parameter) not in embeddings]
    if settings.optimizer == "adamw":
        hidden = []
    taken = {w.name for w in hidden}
    rest = [w for w in weights if w.name not in taken]
    return (*([Muon(hidden)] if hidden else []), *([AdamW(rest)] if rest else []))


@torch.no_grad()
def clip_gradients(weights: Sequence[Weight], largest: float, active: Sequence[int]) -> None:
    """Scale each student's gradients so that their joint norm is at most ``largest``, in place."""
    grads = [w.grad for w in weights if w.grad is not None]
    for student in active if grads else ():
        own = [grad[student] for grad in grads]
        norm = torch.stack(torch._foreach_norm(own)).norm()
        torch._foreach_mul_(own, (largest / (norm + 1e-6)).clamp(max=1.0))
