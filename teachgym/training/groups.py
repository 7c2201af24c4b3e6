"""Which slices of stacked tensors an update is made on."""

from __future__ import annotations

from collections.abc import Sequence


def groups(n_students: int, active: Sequence[int]) -> list[slice]:
    """Slices of the axis of students: one for all, or one for each that is still in training."""
    if len(active) == n_students:
        return [slice(None)]
    return [slice(k, k + 1) for k in active]
