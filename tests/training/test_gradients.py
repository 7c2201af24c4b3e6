"""Projected gradients: those of each example by itself, whoever else is in the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import UnsupportedError
from teachgym.students import make_students
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.tasks import make_task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.training import make_trainer
from teachgym.training.datum import encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.gradients import Sketch
from teachgym.training.hf import HuggingFaceTrainer, batch_loss
from teachgym.training.losses import Sft
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny
from tests.training.plain import Plain

DATA: Data = (
    Example("copy ab=", "ab", "copy"),
    Example("rev abcd=", "dcba", "rev"),
    Example("copy ab=", "ba", "copy"),
)
D = 64


@given(st.integers(1, 40), st.integers(0, 99))
def test_a_sketch_is_linear_and_keeps_every_number_once(size: int, seed: int) -> None:
    """Of one number its amount is kept, and of a sum the sum."""
    rng = np.random.default_rng(seed)
    one, other = (torch.from_numpy(rng.normal(size=size)) for _ in range(2))
    sketch = Sketch(8)
    np.testing.assert_allclose(sketch.of([one + other]), sketch.of([one]) + sketch.of([other]))
    single = torch.zeros(size)
    single[seed % size] = -3.0
    assert np.abs(sketch.of([single])).sum() == 3
    assert np.array_equal(sketch.of([one]), Sketch(8).of([one]))


def test_inner_products_are_kept() -> None:
    """The error of an inner product of unit vectors is about sqrt(2 / D) = 0.022 for D = 4096."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(6, 20_000, generator=generator) + 0.5)
    sketch = Sketch(4096)
    rows = np.stack([sketch.of([v[:7_000], v[7_000:]]) for v in vectors])
    assert np.abs(rows @ rows.T - (vectors @ vectors.T).numpy()).max() < 0.1


def test_gradients_are_those_of_the_mean_loss_in_64_bits() -> None:
    student = untrained_tiny(1)
    found = FineTuner().gradients(student, DATA, dimensions=D)
    plain = Plain(student)
    for example, row in zip(DATA, found, strict=True):
        plain.model.zero_grad()
        (-plain.logprobs(example.prompt, example.target).mean()).backward()
        expected = Sketch(D).of([p.grad for p in plain.model.parameters()])
        assert np.linalg.norm(row - expected) < 1e-4 * np.linalg.norm(expected)
    padded = HuggingFaceStudent(student.model, student.texts, max_new_tokens=8)
    again = HuggingFaceTrainer().gradients(padded, DATA, dimensions=D)
    np.testing.assert_allclose(again, found, rtol=1e-3, atol=1e-5 * np.abs(found).max())


class Marked(torch.nn.Module):
    """Embeddings to which a vector is added in texts that have a token."""

    def __init__(self, embeddings: Any, token: int) -> None:
        super().__init__()
        self.own = torch.nn.Parameter(torch.zeros(embeddings.embedding_dim))
        self.embeddings, self.token = embeddings, token

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.embeddings(ids)
        return found + self.own if bool((ids == self.token).any()) else found


def test_weights_that_an_example_does_not_reach_leave_the_others_in_their_places() -> None:
    """As those that see, of an example without a picture: they come first among the weights."""
    student = untrained_tiny(1)
    (ids,) = student.texts.encode(["d"])  # which is in the second example alone
    student.model.model.embed_tokens = Marked(student.model.model.embed_tokens, *ids)
    padded = HuggingFaceStudent(student.model, student.texts, max_new_tokens=8)
    found = HuggingFaceTrainer().gradients(padded, DATA, dimensions=D)
    for datum, row in zip(encode(student.texts, DATA), found, strict=True):
        padded.model.zero_grad()
        batch_loss(padded, [datum], Sft()).backward()
        weights = padded.trained.values()
        own = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        np.testing.assert_allclose(row, Sketch(D).of(own))


def test_nothing_is_trained_and_others_in_the_pool_change_nothing() -> None:
    task = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
    data = tuple(task.examples("train")[:3])
    found: list[np.ndarray] = []
    for count in (1, 2):
        student: Any = make_students("tiny", task, count, adaptation="lora")[-1]
        trainer = make_trainer(student)
        before = student.save()
        found.append(trainer.gradients(student, data, dimensions=D))
        assert student.save() == before
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)
    assert found[0].shape == (3, D)


def test_who_cannot_tell_says_so() -> None:
    with pytest.raises(UnsupportedError, match="RecordingTrainer cannot give gradients"):
        RecordingTrainer().gradients(TableStudent(), ToyTask().examples("train")[:1], dimensions=2)
