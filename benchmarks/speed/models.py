"""Make random models whose answers have given lengths and varied tokens.

Speed can be measured on random weights, but two things must be right. *Lengths*: a random model
ends its answers at random, and differently after training, and not every system can force a
length. *Variety*: the usual random model repeats one token, so that equal tokens would prove
nothing. Here every token has a level. A part of the embedding encodes the level, and no layer
writes to that part. The head maps level n to tokens of level n - 1, and level 0 is the end token
alone. So the level of a prompt's last token decides the length of the answer, in any system and any
precision, while all layers together decide *which* token of the next level comes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.benchmarks.models.tokenizers import make_tokenizer as character_tokenizer
from teachgym.benchmarks.speed.shapes import Shape

PAD, END, UNKNOWN = range(3)
FIRST = 3
"""The first token that has a text."""
_CHARACTERS = 0x20000
"""Token i is the character whose code is this number plus i, in whole planes of characters."""
_MARGIN = 3.0
"""The head's preference for the right level, in spreads of the logits within a level."""


def level_of(token: Any, levels: int) -> Any:
    """Return the level, 1 .. ``levels``, of a token that has a text, or of a tensor of them."""
    return 1 + (token - FIRST) % levels


def tokens_of(level: int, levels: int, vocabulary: int) -> range:
    """Return all tokens of a level."""
    return range(FIRST + level - 1, vocabulary, levels)


def write_text(tokens: list[int]) -> str:
    """Return the text of tokens."""
    return "".join(chr(_CHARACTERS + token) for token in tokens)


def make_tokenizer(vocabulary: int) -> Any:
    """Make a tokenizer with one token per character."""
    return character_tokenizer("".join(chr(_CHARACTERS + i) for i in range(FIRST, vocabulary)))


def make_model(shape: Shape, *, levels: int, context: int, seed: int, device: str) -> Any:
    """Make a random 32-bit ``LlamaForCausalLM`` whose answers have at most ``levels`` tokens.

    Weights are drawn on the device; a billion of them take minutes on a CPU.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=context,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=None,
        tie_word_embeddings=False,
    )
    with torch.device(device):
        model: Any = LlamaForCausalLM(config)
    generator = torch.Generator(device).manual_seed(seed)
    codes = _codes(levels, shape.hidden, seed).to(device)  # (levels + 2, d_c)
    n_code = codes.shape[1]
    depth = (2 * shape.layers) ** -0.5
    gains = {"q_proj": 2.0, "o_proj": 2 * depth, "down_proj": 2 * depth}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            gain = gains.get(name.split(".")[-2], 1.0) * parameter.shape[1] ** -0.5
            parameter.data.normal_(generator=generator).mul_(gain)
        if "o_proj" in name or "down_proj" in name:
            parameter.data[:n_code] = 0  # nobody writes to the level
    level = level_of(torch.arange(shape.vocabulary, device=device), levels)
    level[[PAD, UNKNOWN]], level[END] = levels + 1, 0
    embedding, head = model.model.embed_tokens.weight.data, model.lm_head.weight.data
    embedding.mul_(shape.hidden**0.5)
    embedding[:, :n_code] = codes[level]
    worst = (codes @ codes.T).fill_diagonal_(-n_code).max()
    # Tokens of a level spread by about 1; their extremes are some 10 apart.
    head[:, :n_code] = codes[(level + 1).clamp(max=levels + 1)] * _MARGIN * 10 / (n_code - worst)
    head[[PAD, UNKNOWN]] = 0
    return model.eval()


def _codes(levels: int, hidden: int, seed: int) -> Any:
    """Draw a vector of signs for each level, far from those of all other levels."""
    import torch

    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (64, levels + 2, min(hidden // 2, 128)))
    overlap = np.einsum("clx,cmx->clm", signs, signs)
    overlap[:, np.arange(levels + 2), np.arange(levels + 2)] = 0
    return torch.tensor(signs[overlap.max((1, 2)).argmin()], dtype=torch.float32)


def write_base(folder: Path, shape: Shape, *, levels: int, context: int, device: str) -> None:
    """Write a model and its tokenizer for ``from_pretrained``, in 16 bits for a GPU."""
    import torch

    model = make_model(shape, levels=levels, context=context, seed=0, device=device)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    model.to(dtype).save_pretrained(folder)
    make_tokenizer(shape.vocabulary).save_pretrained(folder)


def write_adapters(folder: Path, base: Path, *, rank: int, count: int) -> list[Path]:
    """Write ``count`` random LoRA adapters in PEFT's format, in which neither A nor B is 0."""
    import torch
    from safetensors.torch import load_file, save_file

    linear = {
        name.removesuffix(".weight"): weight.shape
        for name, weight in load_file(base / "model.safetensors").items()
        if name.endswith("proj.weight")
    }
    n_code = min(linear["model.layers.0.mlp.down_proj"][0] // 2, 128)
    folders = []
    for number in range(count):
        generator = torch.Generator().manual_seed(number + 1)
        weights = {}
        for name, (n_out, n_in) in linear.items():
            a = torch.randn(rank, n_in, generator=generator) * n_in**-0.5
            b = torch.randn(n_out, rank, generator=generator) * 0.1
            if name.endswith(("o_proj", "down_proj")):
                b[:n_code] = 0
            key = f"base_model.model.{name}"
            weights[f"{key}.lora_A.weight"], weights[f"{key}.lora_B.weight"] = a, b
        own = folder / f"adapter-{number}"
        own.mkdir(parents=True)
        save_file(weights, own / "adapter_model.safetensors")
        (own / "adapter_config.json").write_text(json.dumps(adapter_config(base, rank, linear)))
        folders.append(own)
    return folders


def adapter_config(base: Path, rank: int, linear: Any) -> dict[str, Any]:
    """Return the configuration that PEFT writes beside an adapter's weights."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({name.rpartition(".")[2] for name in linear}),
    }
