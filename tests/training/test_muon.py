"""Muon: orthogonal updates, by hand where a matrix allows it and against ``torch.optim.Muon``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from teachgym.students.local.weights import Weight
from teachgym.training.muon import Muon, orthogonalise


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_number_is_driven_towards_its_sign_by_the_quintic() -> None:
    """A 1 x 1 matrix is scaled to +-1; then x <- 3.4445 x - 4.7750 x^3 + 2.0315 x^5, five times."""
    x = 1.0
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    found = orthogonalise(torch.tensor([[[7.0]], [[-0.2]]])).flatten()
    np.testing.assert_allclose(found, [x, -x], rtol=1e-4)


@pytest.mark.parametrize("shape", [(4, 4), (8, 24), (24, 24)])
def test_singular_values_end_near_one_and_singular_vectors_stay(shape: tuple[int, int]) -> None:
    updates = random(3, *shape)
    found = orthogonalise(updates)
    assert found.shape == updates.shape
    singular = torch.linalg.svdvals(found)
    relative = torch.linalg.svdvals(updates)
    large = relative > 0.05 * torch.linalg.matrix_norm(updates)[:, None]
    assert ((singular[large] > 0.6) & (singular[large] < 1.3)).all()
    u, _, vt = torch.linalg.svd(updates, full_matrices=False)
    core = u.mT @ found @ vt.mT  # diagonal if the singular vectors are the same
    off_diagonal = core - torch.diag_embed(core.diagonal(dim1=1, dim2=2))
    assert off_diagonal.abs().max() < 1e-3


def test_no_gradient_gives_no_update_and_no_nan() -> None:
    assert orthogonalise(torch.zeros(2, 3, 4)).eq(0).all()


@pytest.mark.parametrize("shape", [(6, 6), (4, 10), (10, 4)])
def test_updates_are_those_of_torch_up_to_its_sixteen_bits(shape: tuple[int, int]) -> None:
    """Same momentum, same quintic, same scale; torch computes in bfloat16, accurate to 1 in 256."""
    start, gradients = random(*shape), [random(*shape), random(*shape).roll(1, 0)]
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    muon = Muon([Weight("ours", ours, is_stacked=False)])
    reference = torch.optim.Muon(
        [theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step(torch.tensor([0.01]), [0])
        reference.step()
    moved = (theirs - start).abs().max().item()
    assert (ours - theirs).abs().max().item() < 0.05 * moved


def matrix(start: torch.Tensor, gradient: torch.Tensor) -> Weight:
    parameter = torch.nn.Parameter(start.clone())
    parameter.grad = gradient.clone()
    return Weight(f"weight {id(parameter)}", parameter, is_stacked=start.ndim == 3)


def test_matrices_of_one_shape_are_updated_as_if_each_were_alone() -> None:
    starts, gradients = random(3, 5, 7), random(3, 7, 5).mT
    together = [matrix(*pair) for pair in zip(starts, gradients, strict=True)]
    Muon(together).step(torch.tensor([0.1]), [0])
    for start, gradient, weight in zip(starts, gradients, together, strict=True):
        alone = matrix(start, gradient)
        Muon([alone]).step(torch.tensor([0.1]), [0])
        torch.testing.assert_close(alone.values, weight.values, rtol=1e-5, atol=1e-6)


def test_students_have_rates_of_their_own_and_those_that_are_done_stay() -> None:
    starts, gradients = random(3, 5, 7), random(3, 7, 5).mT
    stacked, rates = matrix(starts, gradients), torch.tensor([0.1, 0.2, 0.3])
    Muon([stacked]).step(rates, [0, 2])
    for student, rate in ((0, 0.1), (2, 0.3)):
        alone = matrix(starts[student], gradients[student])
        Muon([alone]).step(torch.tensor([rate]), [0])
        assert torch.equal(alone.values[0], stacked.values[student])
    assert torch.equal(stacked.values[1], starts[1])


def test_a_weight_without_a_gradient_stays() -> None:
    moved = matrix(torch.ones(2, 2), torch.eye(2))
    still = Weight("still", torch.nn.Parameter(torch.ones(2, 2)), is_stacked=False)
    Muon([moved, still]).step(torch.tensor([1e-3]), [0])
    assert still.values.eq(1).all()
    assert not moved.values.eq(1).all()
