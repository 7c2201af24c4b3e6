"""Trained weights in one tensor: the same model, checkpoints and gradients."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError
from teachgym.students.lora import LoRASettings
from teachgym.types import Checkpoint, Prompt
from tests.students.models import make_pool, scatter_adapters, students_of

LORA = LoRASettings(rank=3, dropout=0.0)


@pytest.mark.parametrize(("count", "lora"), [(1, None), (2, None), (2, LORA)])
def test_nothing_changes_for_anyone_else(count: int, lora: LoRASettings | None) -> None:
    """Answers, checkpoints and fingerprints; a checkpoint of before is put back afterwards."""
    pool = make_pool(count, lora=lora)
    scatter_adapters(pool)
    students, prompts = students_of(pool), [Prompt("copy ab="), Prompt("rev abc=")]
    answers = [s.generate(prompts) for s in students]
    saved, digests = [s.save() for s in students], [s.fingerprint() for s in students]
    flat = pool.flat
    assert [s.generate(prompts) for s in students] == answers
    assert [s.save() for s in students] == saved
    assert [s.fingerprint() for s in students] == digests
    flat.values.zero_()
    assert all((w.values == 0).all() for w in pool.weights)
    for student, checkpoint in zip(students, saved, strict=True):
        student.restore(checkpoint)
    assert [s.fingerprint() for s in students] == digests
    with pytest.raises(ConfigError, match="of another model"):
        students[0].restore(Checkpoint({"a": np.zeros(2)}))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda pool: pickle.loads(pickle.dumps(pool))])
@pytest.mark.parametrize(("count", "lora"), [(1, None), (2, LORA)])
def test_the_weights_of_a_copied_pool_are_in_one_tensor_too(
    count: int, lora: LoRASettings | None, again: Any
) -> None:
    """And not in another one than those that its model computes with."""
    pool = make_pool(count, lora=lora)
    scatter_adapters(pool)
    kept = pool.flat.values.clone()
    copied = again(pool)
    assert torch.equal(copied.flat.values, kept)
    copied.flat.values.zero_()
    assert all((w.values == 0).all() for w in copied.weights)
    assert all((leaf == 0).all() for leaf in copied.flat._leaves)
    assert torch.equal(pool.flat.values, kept)


def test_gradients_are_added_where_the_weights_are() -> None:
    """Two rows for two students; what is not used has none, be it in the same parameter."""
    pool = make_pool(2, lora=LORA)
    flat, model = pool.flat, pool.network.model
    gradients = torch.zeros_like(flat.values)
    weight, layer = pool.weights[0], next(iter(pool.adapters.values()))
    with flat.computing(model):
        for _ in range(2):
            assert layer.first.weight is not weight.parameter
            (layer.lora_A * torch.tensor([1.0, 2.0])[:, None, None]).sum().backward()  # type: ignore[no-untyped-call]
            flat.gather(gradients)
    assert layer.first.weight is weight.parameter
    first, *others = flat.views(gradients)
    assert first.shape == weight.values.shape
    assert (first[0] == 2).all()
    assert (first[1] == 4).all()
    assert not any(view.any() for view in others)
    assert gradients.sum() == 6 * weight.values[0].numel()


def test_a_copy_in_16_bits_follows_when_it_is_refreshed() -> None:
    from teachgym.students.local.flat import Flat

    pool = make_pool(lora=LORA)
    flat, model, name = Flat(pool.weights, torch.bfloat16), pool.network.model, pool.weights[1].name
    flat.values.fill_(1 / 3)
    with flat.computing(model):
        assert model.get_parameter(name).dtype == torch.bfloat16
        assert (model.get_parameter(name) == torch.tensor(1 / 3).bfloat16()).all()
        flat.values.fill_(1 / 7)
        flat.refresh()
        assert (model.get_parameter(name) == torch.tensor(1 / 7).bfloat16()).all()
    assert all((weight.values == torch.tensor(1 / 7)).all() for weight in pool.weights)
