"""The reference trainer against the packed one: equal losses, equal weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError
from teachgym.students import make_student
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.testing import TableStudent, ToyTask, check_trainer
from teachgym.training import make_trainer
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import Sft, Targets
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny

TASK = ToyTask()
DATA: Data = (
    *TASK.examples("train")[::13],
    Example("ab", "bcd", "copy", spans=(("b", 2.0), ("cd", 0.5))),
    Example("c", "dab", "copy", spans=(("d", 0.0), ("ab", 1.0))),
)
SETTINGS = FineTuningSettings(
    learning_rate=1e-3,
    batch_size=4,
    epochs=3,
    warmup_steps=3,
    schedule="cosine",
    clip=0.5,
    optimizer="adamw",
    token_budget=50,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make_pair(lora: LoRASettings | None) -> tuple[LanguageModelStudent, HuggingFaceStudent]:
    """The same weights, those of ``tiny`` before it was trained, as both kinds of student."""
    one, other = untrained_tiny(1), untrained_tiny(1)
    reference = HuggingFaceStudent(other.model, other.texts, max_new_tokens=24, lora=lora)
    if lora is None:
        return one, reference
    pool = StudentPool(one.model, one.texts, max_new_tokens=24, lora=lora)
    reference.load_adapter({n: (m.lora_A[0], m.lora_B[0]) for n, m in pool.adapters.items()})
    return LanguageModelStudent(pool), reference


class Curve(Sft):
    """``Sft`` that keeps the sum of what it returned, call by call."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        rows = super().__call__(logits, targets)
        self.losses.append(float(rows.detach().sum()))
        return rows


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("lora", "optimizer"),
    [(None, "adamw"), (None, "muon"), (LoRASettings(rank=4, dropout=0.0), "adamw")],
)
def test_the_loss_curve_is_that_of_packed_training(
    lora: LoRASettings | None, optimizer: str
) -> None:
    """Weighted spans, a last batch that is smaller, warm-up, cosine and clipping are all used."""
    local, reference = make_pair(lora)
    changed = {"token_budget": 10**6, "optimizer": optimizer}
    whole = FineTuningSettings(**{**vars(SETTINGS), **changed})
    curves = Curve(), Curve()
    one = FineTuner(replace(whole, loss=curves[0])).train(local, DATA, rng())
    other = HuggingFaceTrainer(replace(whole, loss=curves[1])).train(reference, DATA, rng())
    assert one.steps == other.steps == len(curves[0].losses) == len(curves[1].losses) == 12
    np.testing.assert_allclose(curves[0].losses, curves[1].losses, rtol=0, atol=1e-5)
    assert curves[0].losses[-1] < curves[0].losses[0] - 0.05
    assert other.loss == pytest.approx(one.loss, abs=1e-5)
    assert other.cost.train_tokens == one.cost.train_tokens


def test_the_weights_are_those_of_packed_training_in_pieces() -> None:
    """Passes of 50 tokens at most, so the packed batches are read in pieces, the others whole."""
    local, reference = make_pair(LoRASettings(rank=4, dropout=0.0))
    FineTuner(SETTINGS).train(local, DATA, rng())
    before = {name: array.copy() for name, array in reference.save().arrays.items()}
    HuggingFaceTrainer(SETTINGS).train(reference, DATA, rng())
    trained = reference.save().arrays
    for name, layer in local.pool.adapters.items():
        for letter, matrix in (("A", layer.lora_A), ("B", layer.lora_B)):
            key = f"base_model.model.{name}.lora_{letter}.default.weight"
            np.testing.assert_allclose(
                matrix[0].detach().numpy().T, trained[key], rtol=0, atol=5e-5
            )
            assert np.abs(trained[key] - before[key]).max() > 1e-3


@pytest.mark.sweep(1)
@pytest.mark.parametrize("own", [{}, {"adaptation": "lora", "dropout": 0.3}])
def test_the_reference_trainer_keeps_the_contract_of_trainers(own: dict[str, Any]) -> None:
    """Dropout of adapters is on: equal generators drop equally."""
    student = make_student("tiny", TASK, backend="hf", **own)
    check_trainer(make_trainer(student, batch_size=4), student, DATA)


def test_training_leaves_the_global_random_state_and_the_mode_alone() -> None:
    student: Any = make_student("tiny", TASK, backend="hf", adaptation="lora")
    before = torch.random.get_rng_state()
    make_trainer(student).train(student, DATA, rng())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not student.model.training
    assert all(p.grad is None for p in student.model.parameters())


def test_a_mean_over_targets_without_any_is_not_a_number() -> None:
    silent = (Example("ab", "c", "copy", spans=(("c", 0.0),)),)
    _, reference = make_pair(None)
    before = reference.save()
    result = HuggingFaceTrainer(SETTINGS).train(reference, silent, rng())
    assert math.isnan(result.loss)
    assert reference.save() == before


def test_training_in_full_by_default_uses_the_recipe_of_its_size() -> None:
    student = make_student("tiny", TASK, backend="hf")
    trainer: Any = make_trainer(student, epochs=2)
    assert trainer.settings == FineTuningSettings(epochs=2)


def test_a_student_nobody_can_train_is_named() -> None:
    with pytest.raises(ConfigError, match="no trainer for a TableStudent"):
        make_trainer(TableStudent())
