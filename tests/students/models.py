"""Small language models with random weights whose greedy answers vary."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from teachgym.benchmarks.models.embedded import KINDS
from teachgym.benchmarks.models.pretrain import make_student
from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.students.texts import Texts

CONTEXT = 64

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    # Far from the usual 0.02, which makes models that repeat themselves.
    "initializer_range": 0.3,
    "eos_token_id": 1,
    "bos_token_id": None,
    "pad_token_id": 0,
}
ARCHITECTURES = ("llama", "qwen2", "gpt2")


def untrained_tiny(seed: int) -> LanguageModelStudent:
    """A student such as ``tiny`` with random weights."""
    student: LanguageModelStudent = make_student(KINDS["tiny"], make_tokenizer(), seed)
    return student


_MADE: dict[str, Any] = {}


def make_model(architecture: str = "llama", seed: int = 0, **changes: Any) -> Any:
    """A model of about 20,000 parameters for the tokenizer of ``tiny``."""
    kind = repr((architecture, seed, sorted(changes.items())))
    if kind not in _MADE:
        _MADE[kind] = _make_model(architecture, seed, changes)
    return deepcopy(_MADE[kind])  # In half the time that transformers takes.


def _make_model(architecture: str, seed: int, changes: dict[str, Any]) -> Any:
    n_tokens = len(make_tokenizer())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if architecture == "gpt2":
            config = GPT2Config(
                vocab_size=n_tokens,
                n_embd=32,
                n_layer=2,
                n_head=4,
                n_positions=CONTEXT,
                initializer_range=0.3,
                eos_token_id=1,
                bos_token_id=None,
                **{"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, **changes},
            )
            return GPT2LMHeadModel(config).eval()
        kinds: dict[str, Any] = {
            "llama": (LlamaConfig, LlamaForCausalLM),
            "qwen2": (Qwen2Config, Qwen2ForCausalLM),
        }
        make_config, make = kinds[architecture]
        return make(make_config(**{**SMALL, "vocab_size": n_tokens, **changes})).eval()


def make_pool(
    count: int = 1,
    *,
    architecture: str = "llama",
    lora: LoRASettings | None = None,
    max_new_tokens: int = 12,
    **changes: Any,
) -> StudentPool:
    """A pool around ``make_model``."""
    model = make_model(architecture, **changes)
    texts = Texts(make_tokenizer(), CONTEXT)
    return StudentPool(model, texts, max_new_tokens=max_new_tokens, count=count, lora=lora)


def students_of(pool: StudentPool) -> list[LanguageModelStudent]:
    """All students of a pool."""
    return [LanguageModelStudent(pool, k) for k in range(pool.count)]


def scatter_adapters(pool: StudentPool, seed: int = 0) -> None:
    """Give every student adapters that do something, different for each."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in pool.weights:
            noise = torch.randn(weight.values.shape, generator=generator)
            weight.values.add_(0.1 * noise)


def generate_with_transformers(
    model: Any, prompts: list[list[int]], count: int, ends: Sequence[int] = (1,)
) -> list[list[int]]:
    """Greedy tokens by ``model.generate``, one prompt at a time, up to and with an end."""
    answers = []
    for ids in prompts:
        out = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=count,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=list(ends),
        )
        answers.append(out[0, len(ids) :].tolist())
    return answers
