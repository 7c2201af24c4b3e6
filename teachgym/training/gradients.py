"""Gradients of single examples, projected to a few numbers that keep their inner products."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from teachgym.training.datum import Datum

_SEED = 0
"""The seed of the projection: one for all, so that gradients of different calls can be compared."""


class Sketch:
    """A random projection of the numbers of several tensors to ``dimensions`` of them.

    Each number is added to one of the dimensions, with a random sign: a count sketch (Charikar et
    al. 2002; as a projection, Weinberger et al. 2009, arXiv 0902.2206, section 2). Inner products
    are kept in expectation, with a variance of the order of 1 / dimensions, as by the dense matrix
    of signs of LESS, which for a million weights would have a billion entries.

    Args:
        dimensions: D, >= 1.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._drawn: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def of(self, tensors: Iterable[torch.Tensor]) -> np.ndarray:
        """The projection, shape (D,), of tensors that have the same shapes in every call."""
        total = torch.zeros(self._dimensions, dtype=torch.float64)
        for place, tensor in enumerate(tensors):
            flat = tensor.detach().reshape(-1).cpu().double()
            buckets, signs = self._draws(place, len(flat))
            total.index_add_(0, buckets, flat * signs)
        return total.numpy()

    def _draws(self, place: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The dimension and the sign of each number of a tensor, drawn when it is first met."""
        if place not in self._drawn:
            generator = torch.Generator().manual_seed(_SEED + place)
            buckets = torch.randint(self._dimensions, (size,), generator=generator)
            signs = torch.randint(2, (size,), generator=generator) * 2 - 1
            self._drawn[place] = buckets, signs.double()
        return self._drawn[place]


def projected(
    encoded: Sequence[Datum],
    differentiated: Callable[[Datum], Iterable[torch.Tensor]],
    dimensions: int,
) -> np.ndarray:
    """The projected gradient of each example, shape (n, dimensions).

    Args:
        encoded: one datum for each example.
        differentiated: sets the gradients of an example's loss, and gives them.
        dimensions: D.
    """
    sketch = Sketch(dimensions)
    rows = [sketch.of(differentiated(datum)) for datum in encoded]
    return np.stack(rows) if rows else np.zeros((0, dimensions))
