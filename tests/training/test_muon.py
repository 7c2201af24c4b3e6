"""Muon: orthogonal updates, by hand where a matrix allows it and against ``torch.optim.Muon``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
    optimizers = (
        Muon([ours], lr=0.01),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
    )
    for gradient in gradients:
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    moved = (theirs - start).abs().max().item()
    assert (ours - theirs).abs().max().item() < 0.05 * moved


def test_matrices_of_one_shape_are_updated_as_if_each_were_alone() -> None:
    starts, gradients = random(3, 5, 7), random(3, 7, 5).mT
    together = [torch.nn.Parameter(s.clone()) for s in starts]
    for parameter, gradient in zip(together, gradients, strict=True):
        parameter.grad = gradient.clone()
    Muon(together, lr=0.1).step()
    for start, gradient, parameter in zip(starts, gradients, together, strict=True):
        alone = torch.nn.Parameter(start.clone())
        alone.grad = gradient.clone()
        Muon([alone], lr=0.1).step()
        torch.testing.assert_close(alone, parameter, rtol=1e-5, atol=1e-6)


def test_a_weight_without_a_gradient_stays() -> None:
    moved, still = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2, 2))
    moved.grad = torch.eye(2)
    Muon([moved, still]).step()
    assert still.eq(1).all()
    assert not moved.eq(1).all()
