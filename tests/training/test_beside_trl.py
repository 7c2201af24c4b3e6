"""Value and gradient of whole models, by TRL's own trainers and ours: cross entropy and DPO."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from teachgym.training.losses import Sft
from teachgym.training.preferences import Dpo
from teachgym.types import Data, Example, Prompt
from tests.students.models import untrained_tiny
from tests.training.plain import apart, gradient, measure

datasets = pytest.importorskip("datasets")
trl = pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PAIRS: Data = (
    Example("copy ab=", "ab", "copy", rejected="ba"),
    Example("rev abcd=", "dcba", "rev", rejected="abc"),
    Example("last xyz=", "z", "last", rejected="xy"),
)


def computed(trainer: Any) -> tuple[float, Any]:
    """Its loss of all of its data in one batch, and the gradient."""
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    return float(loss.detach()), gradient(trainer.model)


def settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": len(PAIRS),
        "gradient_checkpointing": False,
        "max_length": None,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
    }


def test_cross_entropy_is_that_of_its_sft_trainer(tmp_path: Path) -> None:
    student = untrained_tiny(1)
    pairs = student.texts.pairs([Prompt(e.prompt) for e in PAIRS], [e.target for e in PAIRS])
    rows = [
        {"input_ids": [*prompt, *target], "labels": [-100] * len(prompt) + [*target]}
        for prompt, target in pairs
    ]
    trainer = trl.SFTTrainer(
        model=copy.deepcopy(student.model),
        args=trl.SFTConfig(
            **settings(tmp_path), dataset_kwargs={"skip_prepare_dataset": True}, loss_type="nll"
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=student.texts.tokenizer,
    )
    value, slopes = computed(trainer)
    found, own = measure(Sft(), PAIRS, student=student)
    assert apart(found, value) < 1e-5
    assert apart(own, slopes) < 1e-4


def test_preferences_are_those_of_its_dpo_trainer(tmp_path: Path) -> None:
    """Away from the reference."""
    student, reference = untrained_tiny(1), untrained_tiny(2)
    rows = [{"prompt": e.prompt, "chosen": e.target, "rejected": e.rejected} for e in PAIRS]
    trainer = trl.DPOTrainer(
        model=copy.deepcopy(student.model),
        ref_model=copy.deepcopy(reference.model),
        args=trl.DPOConfig(**settings(tmp_path), beta=0.3),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=student.texts.tokenizer,
    )
    value, slopes = computed(trainer)
    found, own = measure(Dpo(beta=0.3), PAIRS, student=student, reference=reference)
    assert apart(found, value) < 1e-5
    assert apart(own, slopes) < 1e-4
