"""Muon in 32-bit floats, for small matrices on any CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalise(updates: torch.Tensor) -> torch.Tensor:
    """Near the closest semi-orthogonal matrix to each of ``updates``, shape (K, n, m), n <= m.

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


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are orthogonalised; for the 2-D weights of hidden layers.

    The step is ``lr * 0.2 * sqrt(max(n, m))`` times the orthogonal matrix, which has the root
    mean square of an AdamW update, so learning rates carry over (Liu et al. 2025, "Muon is
    scalable for LLM training", arXiv 2502.16982, section 2.2). Differs from ``torch.optim.Muon``
    in two ways that only change the time it takes: it computes in 32 bits, since 16-bit products
    are emulated on CPUs without instructions for them, and it treats all matrices of one shape
    at once.

    Args:
        params: matrices.
        lr: learning rate, > 0.
        momentum: in [0, 1); Nesterov momentum.
    """

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float = 1e-3, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for param in group["params"]:
                if param.grad is not None:
                    by_shape[param.shape].append(param)
            for shape, params in by_shape.items():
                updates = torch.stack([self._momentum(p, group["momentum"]) for p in params])
                wide = shape[0] <= shape[1]
                ortho = orthogonalise(updates) if wide else orthogonalise(updates.mT).mT
                scale = group["lr"] * 0.2 * max(shape) ** 0.5
                for param, update in zip(params, ortho, strict=True):
                    param.add_(update, alpha=-scale)

    def _momentum(self, param: torch.Tensor, momentum: float) -> torch.Tensor:
        """The Nesterov average of the gradients of a matrix, same shape."""
        state, grad = self.state[param], param.grad
        assert grad is not None
        if "average" not in state:
            state["average"] = torch.zeros_like(param)
        average = state["average"].lerp_(grad, 1 - momentum)
        return grad.lerp(average, momentum)
