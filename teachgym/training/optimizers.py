"""Optimizers of K students at once: each tensor (K, ...) is updated as K tensors would be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import torch
from torch import nn

from teachgym.students.local.weights import Weight, wholes
from teachgym.training.muon import Muon, groups
from teachgym.training.settings import FineTuningSettings

_BETAS = (0.9, 0.999)
"""Decay of the two averages of AdamW."""
_EPS = 1e-8
"""Keeps its divisions finite."""


class Optimizer(Protocol):
    """Updates the weights of those students that are still in training."""

    @property
    def weights(self) -> Sequence[Weight]:
        """The weights that are updated."""

    @property
    def state(self) -> Sequence[torch.Tensor]:
        """The tensors that an update changes besides weights; all 0 before the first one.

        With it, steps can be replayed and gone on with.
        """

    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """One update with learning rates (K,), of the students ``active``, ascending.

        Rates that are all the same can be given as one, (1,).
        """


class AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) without weight decay.

    Being element-wise, it does to K stacked tensors what K optimizers would do.

    Args:
        weights: what to train.
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = tuple(weights)
        self._first = [torch.zeros_like(w.values) for w in weights]
        self._second = [torch.zeros_like(w.values) for w in weights]
        self._count = torch.zeros((), dtype=torch.float64)

    @property
    def state(self) -> list[torch.Tensor]:
        """Both averages and the count of updates."""
        return [*self._first, *self._second, self._count]

    @torch.no_grad()
    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """See ``Optimizer``; a student that has left never comes back."""
        self._count += 1
        rates = rates.expand(len(self.weights[0].values))
        for students in groups(len(rates), active):
            self._update(rates[students], students)

    def _update(self, rates: torch.Tensor, students: slice) -> None:
        (one, two), n_updates = _BETAS, float(self._count)
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
        torch._foreach_div_(scale, (1 - two**n_updates) ** 0.5)
        torch._foreach_add_(scale, _EPS)
        updates = torch._foreach_div(first, scale)
        rates = rates / (1 - one**n_updates)
        torch._foreach_mul_(updates, [rates.view(-1, *[1] * (u.ndim - 1)) for u in updates])
        torch._foreach_sub_(values, updates)


class FusedAdamW:
    """``AdamW`` by torch's fused kernel, with its state in tensors.

    The kernel knows one rate, so it is called once for all students if their rates are equal, and
    else once for each.

    Args:
        weights: what to train, with gradients that stay where they are.
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = tuple(weights)
        device = weights[0].values.device
        self._rates = torch.zeros(len(weights[0].values), device=device)
        own = [[_alone(w, k) for w in weights] for k in range(len(self._rates))]
        together = [{"params": [*chain(*own)], "lr": self._rates[0]}]
        apart = [{"params": p, "lr": r} for p, r in zip(own, self._rates.unbind(), strict=True)]
        self._together, self._apart = (
            torch.optim.AdamW(
                groups,
                betas=_BETAS,
                eps=_EPS,
                weight_decay=0.0,
                fused=True,
                capturable=device.type == "cuda",
            )
            for groups in (together, apart)
        )
        for parameter in chain(*own):
            self._together.state[parameter] = self._apart.state[parameter] = {
                "step": torch.zeros((), device=device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    @property
    def state(self) -> list[torch.Tensor]:
        """Both averages and the count of updates."""
        return [of for own in self._apart.state.values() for of in own.values()]

    @torch.no_grad()
    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """Update all students; the rate of those that are not ``active`` must be 0."""
        self._rates.copy_(rates)
        (self._together if len(rates) == 1 else self._apart).step()


def _alone(weight: Weight, student: int) -> nn.Parameter:
    """The values of one student with their gradient, both in place."""
    assert weight.grad is not None
    parameter = nn.Parameter(weight.values[student])
    parameter.grad = weight.grad[student]
    return parameter


def split(
    model: Any, weights: Sequence[Weight], settings: FineTuningSettings
) -> tuple[list[Weight], list[Weight]]:
    """Split weights into those for Muon, the matrices of hidden layers, and those for AdamW."""
    if settings.optimizer == "adamw":
        return [], [*weights]
    outer = (model.get_input_embeddings(), model.get_output_embeddings())
    embeddings = {id(p) for module in outer for p in module.parameters()}
    hidden = [w for w in weights if w.values.ndim == 3 and id(w.parameter) not in embeddings]
    taken = {w.name for w in hidden}
    return hidden, [w for w in weights if w.name not in taken]


def make_optimizers(
    model: Any, weights: Sequence[Weight], settings: FineTuningSettings
) -> tuple[Optimizer, ...]:
    """Optimizers over all weights of a model; Muon takes the matrices of hidden layers."""
    hidden, rest = split(model, weights, settings)
    return (*([Muon(hidden)] if hidden else []), *([AdamW(wholes(rest))] if rest else []))


@torch.no_grad()
def clip_gradients(weights: Sequence[Weight], largest: float, active: Sequence[int]) -> None:
    """Scale each student's gradients so that their joint norm is at most ``largest``, in place."""
    grads = [w.grad for w in wholes(weights) if w.grad is not None]
    for student in active if grads else ():
        own = [grad[student] for grad in grads]
        norm = torch.stack(torch._foreach_norm(own)).norm()
        torch._foreach_mul_(own, (largest / (norm + 1e-6)).clamp(max=1.0))
