"""Texts to vectors by a local transformers encoder. Imported only when used: needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from teachgym.errors import ConfigError
from teachgym.skills.embedding import Encoder, Vectors
from teachgym.students.threads import few_threads

_BATCH = 32
_models: Any = AutoModel
_tokenizers: Any = AutoTokenizer


def load_encoder(folder: Path, *, max_tokens: int = 256) -> Encoder:
    """The encoder in a folder: the mean of its last hidden states over the tokens of a text.

    Mean pooling as in Reimers and Gurevych 2019, "Sentence-BERT", arXiv 1908.10084, section 3.

    Args:
        folder: written by ``save_pretrained``, model and tokenizer; nothing is downloaded.
        max_tokens: what is longer is cut there.

    Raises:
        ConfigError: if no model can be loaded from the folder.
    """
    try:
        tokenizer = _tokenizers.from_pretrained(folder, local_files_only=True)
        model = _models.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds no encoder that transformers loads: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"

    def encode(texts: Sequence[str]) -> Vectors:
        batches = [texts[i : i + _BATCH] for i in range(0, len(texts), _BATCH)]
        return np.concatenate([_encode(model, tokenizer, list(b), max_tokens) for b in batches])

    return encode


@torch.inference_mode()
def _encode(model: Any, tokenizer: Any, texts: list[str], max_tokens: int) -> Vectors:
    """Vectors of length 1, shape (B, d)."""
    tokens = tokenizer(
        texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
    )
    mask = tokens["attention_mask"]  # (B, T)
    with few_threads(model.num_parameters(), model.device):
        states = model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
    shown = mask.unsqueeze(-1).to(states.dtype)  # (B, T, 1)
    means = (states * shown).sum(1) / shown.sum(1).clamp(min=1)  # (B, d)
    vectors: Vectors = torch.nn.functional.normalize(means.double(), dim=-1).numpy()
    return vectors
