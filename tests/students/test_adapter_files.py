"""Adapters go to PEFT and come from it with equal logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from models import make_model, make_pool, scatter_adapters, students_of
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from teachgym.benchmarks.pretrain_tiny import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.adapter_files import CONFIG, WEIGHTS, read_adapter
from teachgym.students.language_model import LanguageModelStudent
from teachgym.students.lora import LoRASettings

IDS = torch.tensor([[3, 4, 5, 6, 7]])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A small model with its tokenizer in a folder."""
    folder = tmp_path / "base"
    make_model().save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def adapter_by_peft(folder: Path, **settings: Any) -> torch.Tensor:
    """Write an adapter with random B as PEFT does; the logits of the adapted model."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        **{"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "up_proj"]} | settings,
    )
    model = get_peft_model(make_model(), config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    logits: torch.Tensor = model.eval()(IDS).logits.detach()
    return logits


def test_what_a_student_exports_is_loaded_by_peft_with_equal_logits(tmp_path: Path) -> None:
    pool = make_pool(2, lora=LoRASettings(rank=3, alpha=5.0))
    scatter_adapters(pool)
    student = students_of(pool)[1]
    student.export(tmp_path)
    loaded = PeftModel.from_pretrained(make_model(), tmp_path).eval()
    with torch.no_grad(), pool.layout.blocks((0, 5)):
        expected = student.model(IDS).logits
    torch.testing.assert_close(loaded(IDS).logits, expected, rtol=1e-4, atol=1e-5)
    assert (tmp_path / "tokenizer.json").exists()


@pytest.mark.parametrize("rslora", [False, True])
def test_an_adapter_of_peft_is_a_student_with_equal_logits(
    base: Path, tmp_path: Path, rslora: bool
) -> None:
    """Found by the path of the adapter, whose file names the base; or given beside the base."""
    folder = tmp_path / "adapter"
    expected = adapter_by_peft(folder, use_rslora=rslora)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "base_model_name_or_path": str(base)}))
    for student in (
        LanguageModelStudent.load(str(folder), device="cpu"),
        LanguageModelStudent.load(str(base), device="cpu", adapter=str(folder)),
    ):
        assert student.pool.lora is not None
        assert student.pool.lora.rank == 4
        assert student.pool.lora.alpha == 6 * (2 if rslora else 1)
        with torch.no_grad():
            torch.testing.assert_close(student.model(IDS).logits, expected, rtol=1e-4, atol=1e-5)


def test_an_exported_adapter_is_taught_on_from_where_it_was(base: Path, tmp_path: Path) -> None:
    student = LanguageModelStudent.load(str(base), device="cpu", adaptation="lora", rank=2)
    scatter_adapters(student.pool)
    student.export(tmp_path / "adapter")
    again = LanguageModelStudent.load(str(tmp_path / "adapter"), device="cpu")
    assert again.save() == student.save()
    assert again.generate(["copy ab="]) == student.generate(["copy ab="])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 2}),
        ("peft_type", "IA3"),
    ],
)
def test_adapters_of_other_kinds_are_refused_by_name(
    tmp_path: Path, field: str, value: Any
) -> None:
    adapter_by_peft(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**config, field: value}))
    with pytest.raises(ConfigError, match="not supported|not 'LORA'"):
        read_adapter(tmp_path)


def test_damaged_and_incomplete_adapters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no readable LoRA adapter"):
        read_adapter(tmp_path)
    adapter_by_peft(tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    key = next(k for k in tensors if "lora_B" in k)
    save_file({k: v for k, v in tensors.items() if k != key}, tmp_path / WEIGHTS)
    with pytest.raises(ConfigError, match=f"lacks the tensor {key}"):
        read_adapter(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"not tensors")
    with pytest.raises(ConfigError, match="holds no readable LoRA adapter"):
        read_adapter(tmp_path)


def test_the_adapter_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    adapter_by_peft(tmp_path / "adapter")
    make_model(hidden_size=16).save_pretrained(base)
    with pytest.raises(ConfigError, match=r"_proj has shapes \(32, 4\).*needs \(16, 4\)"):
        LanguageModelStudent.load(str(base), device="cpu", adapter=str(tmp_path / "adapter"))
