"""Rows of several students: what is spread over them and dropped from them."""

from __future__ import annotations

import pytest
import torch

from teachgym.students.local.layout import Layout, spread_evenly


def test_vectors_are_spread_evenly_as_they_are_one_by_one() -> None:
    """Four students with five rows each: values to the bit, gradients to rounding."""
    layout = Layout(4)
    vectors = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    one, other = (vectors.clone().requires_grad_() for _ in range(2))
    with layout.blocks((5,) * 4):
        plain = layout.spread(one)
    even = spread_evenly(other, 5)
    assert torch.equal(even, plain)
    weights = torch.randn(20, 9, generator=torch.Generator().manual_seed(1))
    for rows in (plain, even):
        (rows * weights).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("counts", [(7,), (4, 0, 5)])
def test_what_is_dropped_comes_from_the_generator_of_the_student(counts: tuple[int, ...]) -> None:
    layout = Layout(len(counts))
    rows = torch.randn(sum(counts), 33)
    generators = [torch.Generator().manual_seed(k) for k in range(len(counts))]
    with layout.blocks(counts), layout.dropping_by(generators):
        (found,) = layout.drop(rows, 0.25)
    start = 0
    for k, n in enumerate(counts):
        drawn = torch.rand(n, 33, generator=torch.Generator().manual_seed(k))
        expected = torch.where(drawn >= 0.25, rows[start : start + n] / 0.75, 0.0)
        torch.testing.assert_close(found[start : start + n], expected)
        start += n
