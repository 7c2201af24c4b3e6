"""Muon in 32-bit floats, for small matrices on any CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from teachgym.students.local.weights import Weight


def groups(n_students: int, active: Sequence[int]) -> list[slice]:
    """Slices of the axis of students: one for all, or one for each that is still in training."""
    if len(active) == n_students:
        return [slice(None)]
    return [slice(k, k + 1) for k in active]


_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95
"""Nesterov's, in [0, 1)."""


def orthogonalise(updates: torch.Tensor) -> torch.Tensor:
    """An approximation of the closest semi-orthogonal matrices to ``updates``, (K, n, m), n <= m.

    Five Newton-Schulz iterations with the quintic of Jordan et al. 2024 ("Muon: an optimizer for
    the hidden layers of neural networks"); singular values end up near 1, within about 30 %.
    """
    a, b, c = _COEFFICIENTS
    norms = torch.linalg.matrix_norm(updates, keepdim=True).clamp_min(1e-7)
    x = updates / norms
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, b * gram + c * gram @ gram, x, beta=a)
    return torch.as_tensor(x)


class Muon:
    """Momentum whose updates are orthogonalised; for the 2-D weights of hidden layers.

    The step is ``rate * 0.2 * sqrt(max(n, m))`` times the orthogonal matrix, which has the root
    mean square of an AdamW update, so learning rates carry over (Liu et al. 2025, "Muon is
    scalable for LLM training", arXiv 2502.16982, section 2.2). Differs from ``torch.optim.Muon``
    in ways that only change the time it takes: it computes in 32 bits, since 16-bit products
    are emulated on CPUs without instructions for them, and it treats all matrices of one shape
    at once, of all layers and all students.

    Args:
        weights: matrices of K students, (K, n, m).
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = tuple(weights)
        self._by_shape: dict[torch.Size, list[Weight]] = defaultdict(list)
        for weight in weights:
            self._by_shape[weight.values.shape].append(weight)
        self._averages = {w.name: torch.zeros_like(w.values) for w in weights}

    @property
    def state(self) -> list[torch.Tensor]:
        """The averages."""
        return [*self._averages.values()]

    @torch.no_grad()
    def step(self, rates: torch.Tensor, active: Sequence[int]) -> None:
        """Update every matrix that has a gradient; see ``optimizers.Optimizer``."""
        rates = rates.expand(len(self.weights[0].values))
        for shape, weights in self._by_shape.items():
            trained = [w for w in weights if w.grad is not None]
            if not trained:
                continue
            updates = torch.stack([self._nesterov(w) for w in trained])  # (W, K, n, m)
            for students in groups(len(rates), active):
                own = updates[:, students]
                flat = own.flatten(0, 1)
                wide = shape[1] <= shape[2]
                ortho = orthogonalise(flat) if wide else orthogonalise(flat.mT).mT
                scales = rates[students, None, None] * 0.2 * max(shape[1:]) ** 0.5
                for weight, update in zip(trained, ortho.view(own.shape), strict=True):
                    weight.values[students] -= scales * update

    def _nesterov(self, weight: Weight) -> torch.Tensor:
        """The Nesterov average of the gradients of a weight, same shape."""
        grad = weight.grad
        assert grad is not None
        average = self._averages[weight.name].lerp_(grad, 1 - _MOMENTUM)
        return grad.lerp(average, _MOMENTUM)
