"""Adapters in the file format of PEFT: ``PeftModel.from_pretrained`` reads what is written here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from teachgym.errors import ConfigError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

AdapterWeights = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""Layer name -> A (d_in, r) and B (r, d_out); PEFT stores both transposed."""

_PREFIX = "base_model.model."
_PLAIN: Mapping[str, Any] = {
    "use_dora": False,
    "bias": "none",
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "lora_bias": False,
    "fan_in_fan_out": False,
}
"""Fields of PEFT whose other values have no counterpart here."""


def write_adapter(
    folder: Path,
    weights: AdapterWeights,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    base: str,
) -> None:
    """Write an adapter to ``folder``, which is made if need be.

    Args:
        folder: where to.
        weights: of every adapted layer.
        rank: as in ``LoRASettings``.
        alpha: as in ``LoRASettings``.
        dropout: as in ``LoRASettings``.
        base: name or path of the base model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": dropout,
        "target_modules": sorted(weights),
        "inference_mode": True,
        **_PLAIN,
    }
    tensors = {}
    for name, (a, b) in weights.items():
        tensors[f"{_PREFIX}{name}.lora_A.weight"] = a.detach().cpu().T.contiguous()
        tensors[f"{_PREFIX}{name}.lora_B.weight"] = b.detach().cpu().T.contiguous()
    save_file(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def read_adapter(folder: Path) -> tuple[dict[str, Any], AdapterWeights]:
    """Fields of ``LoRASettings`` and the weights of the adapter in ``folder``.

    Raises:
        ConfigError: if files are missing or damaged, or the adapter is more than two matrices a
            layer.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ConfigError(f"{folder} holds no readable LoRA adapter: {error}") from error
    for field, plain in _PLAIN.items():
        if config.get(field, plain) not in (plain, None):
            raise ConfigError(
                f"the adapter in {folder} has {field} = {config[field]!r}, which is not supported; "
                f"only {plain!r} is"
            )
    if config.get("peft_type") != "LORA":
        raise ConfigError(f"the adapter in {folder} is {config.get('peft_type')!r}, not 'LORA'")
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    if config.get("use_rslora"):
        alpha *= rank**0.5  # rank-stabilised: alpha / sqrt(rank), written as alpha' / rank
    weights = _pair(tensors, folder)
    fields = {"rank": rank, "alpha": alpha, "targets": tuple(weights)}
    return fields, weights


def _pair(tensors: Mapping[str, torch.Tensor], folder: Path) -> AdapterWeights:
    """Both matrices of each layer."""
    names = sorted(
        {key.removeprefix(_PREFIX).rpartition(".lora_")[0] for key in tensors if ".lora_" in key}
    )
    pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name in names:
        keys: Sequence[str] = [f"{_PREFIX}{name}.lora_{letter}.weight" for letter in "AB"]
        missing = [key for key in keys if key not in tensors]
        if missing:
            raise ConfigError(f"the adapter in {folder} lacks the tensor {missing[0]}")
        a, b = (tensors[key].float().T for key in keys)
        pairs[name] = (a, b)
    if not pairs:
        raise ConfigError(f"the adapter in {folder} has no LoRA weights in {WEIGHTS}")
    return pairs
