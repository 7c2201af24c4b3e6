"""Adapters go to PEFT and come from it with equal logits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.adapter_files import (
    CONFIG,
    WEIGHTS,
    read_adapter,
    read_config,
    write_adapter,
)
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.types import Prompt
from tests.students.models import make_model, make_pool, scatter_adapters, students_of

IDS = torch.tensor([[3, 4, 5, 6, 7]])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A small model with its tokenizer in a folder."""
    folder = tmp_path / "base"
    make_model().save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def change_settings(folder: Path, **changes: Any) -> None:
    (folder / CONFIG).write_text(
        json.dumps({**json.loads((folder / CONFIG).read_text()), **changes})
    )


def adapter_by_peft(folder: Path, *, architecture: str = "llama", **settings: Any) -> torch.Tensor:
    """Write an adapter with random B as PEFT does; the logits of the adapted model."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        **{"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "up_proj"]} | settings,
    )
    model = get_peft_model(make_model(architecture), config)
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
    change_settings(folder, base_model_name_or_path=str(base))
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
    assert again.generate([Prompt("copy ab=")]) == student.generate([Prompt("copy ab=")])


def test_an_adapter_is_not_left_out_where_all_weights_are_to_be_trained(
    base: Path, tmp_path: Path
) -> None:
    """It was, without a word, so that training began at the base."""
    adapter_by_peft(tmp_path / "adapter")
    change_settings(tmp_path / "adapter", base_model_name_or_path=str(base))
    for name, adapter in (
        (str(tmp_path / "adapter"), None),
        (str(base), str(tmp_path / "adapter")),
    ):
        with pytest.raises(ConfigError, match="adaptation is 'full', which leaves out the adapter"):
            LanguageModelStudent.load(name, device="cpu", adaptation="full", adapter=adapter)
    with pytest.raises(ConfigError, match="this model are trained; set adaptation"):
        LanguageModelStudent.load(str(base), device="cpu", rank=8)


def test_what_is_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    """B (3, 2) is stored transposed, (2, 3), and A (4, 3) as (3, 4); alpha need not be whole."""
    a, b = torch.arange(12.0).reshape(4, 3) / 7, torch.arange(6.0).reshape(3, 2) / 3
    lora = LoRASettings(rank=3, alpha=0.5, dropout=0.1)
    write_adapter(tmp_path / "new", {"x.q": (a, b)}, lora, base="tiny")
    stored = load_file(tmp_path / "new" / WEIGHTS)
    assert stored["base_model.model.x.q.lora_A.weight"].shape == (3, 4)
    assert stored["base_model.model.x.q.lora_B.weight"].shape == (2, 3)
    fields, weights = read_adapter(tmp_path / "new")
    assert fields == {"rank": 3, "alpha": 0.5, "targets": ("x.q",)}
    assert torch.equal(weights["x.q"][0], a)
    assert torch.equal(weights["x.q"][1], b)
    assert read_config(tmp_path / "new")["base_model_name_or_path"] == "tiny"
    assert LoraConfig.from_pretrained(tmp_path / "new").lora_dropout == 0.1


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "all-linear", "init_lora_weights": "gaussian"},
        {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"up_proj": 6}},
        {"architecture": "gpt2", "target_modules": ["c_attn"], "fan_in_fan_out": True},
    ],
)
def test_base_plus_scaled_product_is_what_peft_merges(
    tmp_path: Path, settings: dict[str, Any], rslora: bool
) -> None:
    """Peft's own merge of W + scale (A B)^T; GPT-2 stores W transposed and its adapters not."""
    architecture = settings.get("architecture", "llama")
    adapter_by_peft(tmp_path, use_rslora=rslora, **settings)
    fields, weights = read_adapter(tmp_path)
    model = make_model(architecture)
    merged = PeftModel.from_pretrained(make_model(architecture), tmp_path).merge_and_unload()
    for name, (a, b) in weights.items():
        delta = fields["alpha"] / fields["rank"] * (a @ b)
        expected = merged.get_submodule(name).weight - model.get_submodule(name).weight
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(delta if architecture == "gpt2" else delta.T, expected)
    untouched = {f"{name}.weight" for name in weights} ^ set(model.state_dict())
    assert all(torch.equal(model.state_dict()[n], merged.state_dict()[n]) for n in untouched)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 2}),
        ("alpha_pattern", {"q_proj": 7}),
        ("init_lora_weights", "pissa"),
        ("trainable_token_indices", [1]),
        ("lora_bias", True),
        ("peft_type", "IA3"),
    ],
)
def test_adapters_of_other_kinds_are_refused_by_the_field(
    tmp_path: Path, field: str, value: Any
) -> None:
    adapter_by_peft(tmp_path)
    change_settings(tmp_path, **{field: value})
    with pytest.raises(ConfigError, match=rf"has {field} = .*not supported"):
        read_adapter(tmp_path)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, "tensor"),
    ],
)
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning")
def test_what_peft_writes_of_other_kinds_is_refused(
    tmp_path: Path, settings: dict[str, Any], field: str
) -> None:
    adapter_by_peft(tmp_path, **settings)
    with pytest.raises(ConfigError, match=rf"has {field} = .*not supported"):
        read_adapter(tmp_path)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_missing_matrix_is_named(tmp_path: Path, letter: str) -> None:
    adapter_by_peft(tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    key = next(k for k in tensors if f"lora_{letter}" in k)
    save_file({k: v for k, v in tensors.items() if k != key}, tmp_path / WEIGHTS)
    with pytest.raises(ConfigError, match=rf"lacks the tensor {re.escape(key)}"):
        read_adapter(tmp_path)


def test_matrices_of_another_rank_than_the_settings_say_are_refused(tmp_path: Path) -> None:
    adapter_by_peft(tmp_path)
    change_settings(tmp_path, r=8)
    with pytest.raises(ConfigError, match=r"r = 8, but matrices of shapes \(4, 32\)"):
        read_adapter(tmp_path)
    change_settings(tmp_path, r="many")
    with pytest.raises(ConfigError, match="needs r and lora_alpha"):
        read_adapter(tmp_path)


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"\xff\xfe"])
def test_missing_and_damaged_files_are_refused(
    tmp_path: Path, file: str, content: bytes | None
) -> None:
    adapter_by_peft(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError, match="holds no readable LoRA adapter"):
        read_adapter(tmp_path)


def test_an_adapter_without_weights_is_refused(tmp_path: Path) -> None:
    adapter_by_peft(tmp_path)
    save_file({}, tmp_path / WEIGHTS)
    with pytest.raises(ConfigError, match="is empty"):
        read_adapter(tmp_path)


def test_the_adapter_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    adapter_by_peft(tmp_path / "adapter")
    make_model(hidden_size=16).save_pretrained(base)
    with pytest.raises(ConfigError, match=r"_proj has shapes \(32, 4\).*needs \(16, 4\)"):
        LanguageModelStudent.load(str(base), device="cpu", adapter=str(tmp_path / "adapter"))
