"""AdamW of K students against torch's, and gradients clipped student by student."""

from __future__ import annotations

import pytest
import torch

from teachgym.students.local.weights import Weight
from teachgym.training.optimizers import AdamW, clip_gradients

SHAPES = ((5, 7), (4,))


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stacked(n_students: int) -> list[Weight]:
    return [
        Weight(str(i), torch.nn.Parameter(random(i, n_students, *shape)), is_stacked=True)
        for i, shape in enumerate(SHAPES)
    ]


def set_gradients(weights: list[Weight], seed: int) -> None:
    for i, weight in enumerate(weights):
        weight.parameter.grad = random(100 * seed + i, *weight.values.shape)


def test_one_student_is_updated_as_torch_does_it() -> None:
    weights = stacked(1)
    theirs = [torch.nn.Parameter(w.values[0].clone()) for w in weights]
    ours, reference = AdamW(weights), torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.0)
    for step in range(5):
        set_gradients(weights, step)
        for parameter, weight in zip(theirs, weights, strict=True):
            assert weight.grad is not None
            parameter.grad = weight.grad[0].clone()
        ours.step(torch.tensor([0.01]), [0])
        reference.step()
    for parameter, weight in zip(theirs, weights, strict=True):
        torch.testing.assert_close(weight.values[0], parameter.data, rtol=1e-6, atol=1e-7)


def test_several_students_are_updated_as_each_would_be_alone_and_may_leave_early() -> None:
    """Students of three, with rates of their own; the second leaves after two updates."""
    rates = torch.tensor([0.1, 0.01, 0.001])
    together = stacked(3)
    alone = [
        [Weight(w.name, torch.nn.Parameter(w.values[k : k + 1].clone()), True) for w in together]
        for k in range(3)
    ]
    joint, separate = AdamW(together), [AdamW(weights) for weights in alone]
    for step in range(4):
        active = [0, 1, 2] if step < 2 else [0, 2]
        set_gradients(together, step)
        joint.step(rates, active)
        for k in active:
            for own, weight in zip(alone[k], together, strict=True):
                assert weight.grad is not None
                own.parameter.grad = weight.grad[k : k + 1].clone()
            separate[k].step(rates[k : k + 1], [0])
    for k in range(3):
        for own, weight in zip(alone[k], together, strict=True):
            assert torch.equal(own.values[0], weight.values[k])


def test_the_gradients_of_each_student_are_clipped_by_their_own_norm() -> None:
    """Student 0 has the gradient (3, 4) of norm 5, student 1 one of norm 0.5."""
    weight = Weight("w", torch.nn.Parameter(torch.zeros(2, 2)), is_stacked=True)
    weight.parameter.grad = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    clip_gradients([weight], 1.0, [0, 1])
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4]])
    torch.testing.assert_close(weight.parameter.grad, expected, rtol=1e-5, atol=1e-6)


def test_clipping_is_that_of_torch() -> None:
    weights = stacked(1)
    set_gradients(weights, 1)
    theirs = [torch.nn.Parameter(w.values.clone()) for w in weights]
    for parameter, weight in zip(theirs, weights, strict=True):
        assert weight.grad is not None
        parameter.grad = weight.grad.clone()
    clip_gradients(weights, 0.5, [0])
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    for parameter, weight in zip(theirs, weights, strict=True):
        torch.testing.assert_close(weight.grad, parameter.grad)


def test_a_rate_of_zero_changes_nothing() -> None:
    weights = stacked(2)
    before = [w.values.clone() for w in weights]
    set_gradients(weights, 1)
    AdamW(weights).step(torch.zeros(2), [0, 1])
    assert all(torch.equal(b, w.values) for b, w in zip(before, weights, strict=True))


@pytest.mark.parametrize("largest", [1.0, 100.0])
def test_no_gradient_is_ever_made_larger(largest: float) -> None:
    weights = stacked(2)
    set_gradients(weights, 3)
    before = [w.parameter.grad.abs().clone() for w in weights if w.parameter.grad is not None]
    clip_gradients(weights, largest, [0, 1])
    for old, weight in zip(before, weights, strict=True):
        assert weight.grad is not None
        assert (weight.grad.abs() <= old + 1e-7).all()
