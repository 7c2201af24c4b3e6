"""Adapters in the file format of PEFT, for ``PeftModel.from_pretrained``.

What is read is exactly what PEFT would compute with, or it is refused by the name of the field or
tensor that has no counterpart in ``teachgym.students.lora``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from teachgym.errors import ConfigError
from teachgym.students.lora import LoRASettings

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

AdapterWeights = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""Layer name -> A (d_in, r) and B (r, d_out); PEFT stores both transposed."""

_PREFIX = "base_model.model."
_UNSET = (
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
    "lora_bias",
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
)
"""Fields of ``peft.LoraConfig`` that, once set, make an adapter more than two matrices a layer."""
_STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""Values of ``init_lora_weights`` that leave the base as it is; the others (PiSSA, OLoRA, CorDA,
LoftQ, ...) have PEFT change the base model whenever the adapter is loaded."""


def write_adapter(folder: Path, weights: AdapterWeights, lora: LoRASettings, *, base: str) -> None:
    """Write an adapter to ``folder``, which is made if necessary.

    Args:
        folder: where to.
        weights: of every adapted layer.
        lora: what the adapter was made with.
        base: name or path of the base model.
    """
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "bias": "none",
        "target_modules": sorted(weights),
        "inference_mode": True,
    }
    tensors = {
        f"{_PREFIX}{name}.lora_{letter}.weight": matrix.detach().cpu().T.contiguous()
        for name, pair in weights.items()
        for letter, matrix in zip("AB", pair, strict=True)
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def read_adapter(folder: Path) -> tuple[dict[str, Any], AdapterWeights]:
    """Fields of ``LoRASettings`` and the weights, in 32 bits, of the adapter in ``folder``.

    The fields are rank, alpha and targets, the full names of the layers; how much dropout to train
    with is left to the reader. Rank-stabilised scaling, alpha / sqrt(rank) (Kalajdzievski 2023,
    arXiv 2312.03732), becomes an alpha that gives the same factor when divided by the rank.

    Raises:
        ConfigError: if files are missing or damaged, or the adapter is more than two matrices of
            one rank for each layer.
    """
    config = read_config(folder)
    _require_plain(config, folder)
    try:
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{folder / CONFIG} needs r and lora_alpha, two numbers; write the adapter again"
        ) from error
    weights = _pairs(folder, rank)
    factor = rank**0.5 if config.get("use_rslora") else 1.0
    return {"rank": rank, "alpha": alpha * factor, "targets": tuple(weights)}, weights


def read_config(folder: Path) -> dict[str, Any]:
    """The settings file of the adapter in ``folder``, in PEFT's words.

    Raises:
        ConfigError: if it is missing or damaged.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    if not isinstance(config, dict):
        raise _unreadable(folder, f"{CONFIG} is not a JSON object")
    return config


def _require_plain(config: Mapping[str, Any], folder: Path) -> None:
    """Refuse what PEFT would compute otherwise than ``W + scale (A B)^T``."""
    allowed: dict[str, tuple[Any, ...]] = {
        "peft_type": ("LORA",),
        "bias": ("none",),
        "init_lora_weights": _STARTS,
    }
    for field, values in allowed.items():
        if config.get(field, values[0]) not in values:
            raise _unsupported(folder, field, config[field], " or ".join(map(repr, values)))
    for field in _UNSET:
        if config.get(field):
            raise _unsupported(folder, field, config[field], "an adapter without it")
    for field, common in (("rank_pattern", "r"), ("alpha_pattern", "lora_alpha")):
        pattern = config.get(field) or {}
        if any(value != config.get(common) for value in pattern.values()):
            raise _unsupported(folder, field, pattern, f"the same {common} for every layer")


def _pairs(folder: Path, rank: int) -> AdapterWeights:
    """Both matrices of each layer, every tensor of the file used."""
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(folder, error) from error
    names = sorted({key.rpartition(".lora_")[0] for key in tensors})
    pairs = {}
    for name in names:
        keys = [f"{name}.lora_{letter}.weight" for letter in "AB"]
        a, b = (tensors.pop(key, None) for key in keys)
        if a is None and b is None:
            break
        if a is None or b is None:
            missing = keys[0] if a is None else keys[1]
            raise ConfigError(
                f"the adapter in {folder} lacks the tensor {missing}; write the adapter again"
            )
        if a.dim() != 2 or b.dim() != 2 or not a.shape[0] == b.shape[1] == rank:
            raise ConfigError(
                f"the adapter in {folder} has r = {rank}, but matrices of shapes "
                f"{tuple(a.shape)} and {tuple(b.shape)} for {name}; write the adapter again"
            )
        pairs[name.removeprefix(_PREFIX)] = (a.float().T, b.float().T)
    if tensors:
        raise _unsupported(folder, "tensor", min(tensors), "lora_A.weight and lora_B.weight")
    if not pairs:
        raise _unreadable(folder, f"{WEIGHTS} is empty")
    return pairs


def _unreadable(folder: Path, why: object) -> ConfigError:
    return ConfigError(
        f"{folder} holds no readable LoRA adapter: {why}. Give a folder with the {CONFIG} and "
        f"{WEIGHTS} that save_pretrained of peft writes"
    )


def _unsupported(folder: Path, field: str, value: object, supported: str) -> ConfigError:
    return ConfigError(
        f"the adapter in {folder} has {field} = {value!r}, which is not supported; what is: "
        f"{supported}. Or merge it into its base with peft and give the merged model"
    )
