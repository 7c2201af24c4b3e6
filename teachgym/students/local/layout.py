"""The assignment of rows of hidden states to K students."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D


class Layout:
    """The students of the rows of the current forward pass; shared by all stacked layers.

    Rows come in one of two orders: student after student, ``counts[k]`` rows each (``blocks``),
    or every student's first row, then every student's second (``interleaved``), which lets a
    decoder use fewer rows without moving any.

    Args:
        n_students: K.
        strict: in training, multiply what the students share student by student, too. Without
            it another kernel may be chosen for more rows, which rounds differently.
    """

    def __init__(self, n_students: int, *, strict: bool = False) -> None:
        self.n_students = n_students
        self.strict = strict
        self.counts: tuple[int, ...] = ()
        self.interleaved = False
        self.generators: Sequence[torch.Generator] = ()
        self._ends: tuple[object, torch.Tensor] | None = None

    @contextmanager
    def blocks(self, counts: Sequence[int]) -> Iterator[None]:
        """Within, assign ``counts[k]`` rows to student k, in order of k; shape (K,)."""
        before = self.counts, self.interleaved
        self.counts, self.interleaved = tuple(counts), False
        try:
            yield
        finally:
            self.counts, self.interleaved = before

    def only(self, student: int, n_rows: int) -> AbstractContextManager[None]:
        """Within, assign all of ``n_rows`` rows to one student."""
        return self.blocks([n_rows if k == student else 0 for k in range(self.n_students)])

    @contextmanager
    def turns(self, n_slots: int) -> Iterator[None]:
        """Within, assign the rows to ``n_slots`` rounds of all students."""
        before = self.counts, self.interleaved
        self.counts, self.interleaved = (n_slots,) * self.n_students, True
        try:
            yield
        finally:
            self.counts, self.interleaved = before

    @contextmanager
    def dropping_by(self, generators: Sequence[torch.Generator]) -> Iterator[None]:
        """Within, draw student k's dropout from ``generators[k]``, whoever else is trained."""
        self.generators = generators
        try:
            yield
        finally:
            self.generators = ()

    def students(self, device: torch.device) -> torch.Tensor:
        """The student of every row, shape (n_rows,)."""
        students = torch.arange(self.n_students, device=device)
        if self.interleaved:
            return students.repeat(self.counts[0])
        own = zip(students.unbind(), self.counts, strict=True)
        return torch.cat([student.expand(n) for student, n in own])

    def ends(self, device: torch.device) -> torch.Tensor:
        """Rows at which each student's block ends, shape (K,); made once for a forward pass."""
        # A tensor made in inference mode cannot take part in training.
        key = self.counts, device, torch.is_inference_mode_enabled()
        if self._ends is None or self._ends[0] != key:
            ends = torch.tensor(self.counts, device=device).cumsum(0, dtype=torch.int32)
            self._ends = key, ends
        return self._ends[1]

    @property
    def is_even(self) -> bool:
        """Whether all students have equally many rows."""
        return len(set(self.counts)) == 1

    def batched(self, rows: torch.Tensor) -> torch.Tensor:
        """A view of rows (n_rows, d) of equally many for each student, (K, n, d)."""
        if self.interleaved:
            return rows.view(-1, len(self.counts), rows.shape[1]).transpose(0, 1)
        return rows.view(len(self.counts), -1, rows.shape[1])

    def now(self) -> Layout:
        """A copy that stays as the layout is at present."""
        return copy.copy(self)

    def spread(self, vectors: torch.Tensor) -> torch.Tensor:
        """The vector of each row's student, (K, d) -> (n_rows, d).

        In blocks the gradient of a vector is one sum over its rows, as it would be alone.
        """
        if self.interleaved:
            return vectors.repeat(self.counts[0], 1)
        if vectors.is_cuda and self.is_even:
            return spread_evenly(vectors, self.counts[0])
        own = zip(vectors.unbind(), self.counts, strict=True)
        return torch.cat([vector.expand(n, -1) for vector, n in own])

    def drop(self, rows: torch.Tensor, share: float, *, times: int = 1) -> torch.Tensor:
        """``rows`` (n_rows, d) with a share of the entries 0 and the others scaled up.

        Returns:
            As many draws of it as asked for, (times, n_rows, d).
        """
        kept = [
            torch.rand(times, n, rows.shape[1], generator=generator, device=rows.device) >= share
            for n, generator in zip(self.counts, self.generators, strict=True)
            if n
        ]
        return rows * (torch.cat(kept, 1) if len(kept) > 1 else kept[0]) / (1 - share)


def spread_evenly(vectors: torch.Tensor, n: int) -> torch.Tensor:
    """Each vector ``n`` times, (K, d) -> (K * n, d), with one sum for all of their gradients."""
    return vectors[:, None].expand(-1, n, -1).reshape(-1, vectors.shape[1])


def apply_shared(linear: nn.Linear | Conv1D, x: torch.Tensor, layout: Layout) -> torch.Tensor:
    """A linear layer that all students share, (..., d_in) -> (..., d_out).

    In strict mode each student's rows go through a product of their own shape. Generator does
    without: a greedy token could only differ where two are equal to the last bit.
    """
    if not layout.strict or layout.n_students == 1 or torch.is_inference_mode_enabled():
        y: torch.Tensor = linear(x)
        return y
    if x.is_cuda:  # biases are added within, before anything is rounded
        pieces = torch.split(x.reshape(-1, x.shape[-1]), list(layout.counts))
        return torch.cat([linear(piece) for piece in pieces]).view(*x.shape[:-1], -1)
    weight = linear.weight.mT if isinstance(linear, nn.Linear) else linear.weight  # (d_in, d_out)
    weights = weight.expand(layout.n_students, -1, -1)
    y = multiply(x.reshape(-1, x.shape[-1]), weights, layout).view(*x.shape[:-1], -1)
    return y if linear.bias is None else y + linear.bias


def multiply(rows: torch.Tensor, weights: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The product of each row and its student's matrix: (n_rows, d), (K, d, o) -> (n_rows, o).

    A student's rows go through a product of their own shape, so that its result has the same
    bits whoever else is there.
    """
    weights = weights.to(rows.dtype)
    n_students, _, n_out = weights.shape
    counts = layout.counts
    if n_students == 1:
        return rows @ weights.squeeze(0)  # whose backward is a view, too
    if layout.interleaved:
        return torch.bmm(layout.batched(rows), weights).transpose(0, 1).reshape(-1, n_out)
    alone = rows.is_cuda and layout.strict
    if layout.is_even and not alone:
        return torch.bmm(layout.batched(rows), weights).view(-1, n_out)
    if _groupable(rows, weights) and not alone:
        return F.grouped_mm(rows, weights, offs=layout.ends(rows.device))
    pieces = zip(torch.split(rows, list(counts)), weights.unbind(), strict=True)
    return torch.cat([piece @ weight for piece, weight in pieces if len(piece)])


_HAS_GROUPS = "grouped_mm" in dir(F)
"""Since torch 2.10."""


def _groupable(rows: torch.Tensor, weights: torch.Tensor) -> bool:
    """Whether ``grouped_mm`` takes the shapes: sides of multiples of 16 bytes, 16 bits on GPUs.

    On CPUs its products are, bit for bit, those of the groups one by one.
    """
    aligned = all(side * rows.element_size() % 16 == 0 for side in weights.shape[1:])
    dtypes = (torch.bfloat16,) if rows.is_cuda else (torch.bfloat16, torch.float32)
    return _HAS_GROUPS and aligned and rows.dtype in dtypes
