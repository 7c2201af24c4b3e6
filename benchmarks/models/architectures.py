"""Check which architectures can be taught, and how: all causal language models of transformers.

``python -m teachgym.benchmarks.models.architectures`` builds each class from a small configuration
with random weights, makes it a student as a user would, and writes ``docs/architectures.md``.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from rich.progress import track
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import TeachgymError
from teachgym.students import make_student
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.self_check import logits_of
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.types import Example, Prompt

_log: Any = logging

SMALL: Mapping[str, int | float] = {
    "hidden_size": 32,
    "n_embd": 32,
    "d_model": 32,
    "dim": 32,
    "intermediate_size": 48,
    "ffn_dim": 48,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "num_hidden_layers": 4,
    "n_layer": 4,
    "n_layers": 4,
    "num_layers": 4,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rotary_dim": 4,
    "max_position_embeddings": 128,
    "n_positions": 128,
    "n_ctx": 128,
    "max_seq_len": 128,
    "word_embed_proj_dim": 32,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "moe_num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_topk": 2,
    "n_group": 1,
    "topk_group": 1,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "sliding_window": 16,
    "attention_window_size": 16,
    "lru_width": 32,
    "attention_hidden_size": 32,
    "state_size": 4,
    "mamba_d_state": 4,
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_num_heads": 4,
    "mamba_head_dim": 16,
    "mamba_expand": 2,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "expand": 2,
    # Far from the usual 0.02, which makes models that repeat themselves.
    "initializer_range": 0.3,
    "init_std": 0.3,
}
"""Values that make a model small, for the fields that its configuration class has."""

SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "bamba": {"attn_layer_indices": [1, 3]},
    "deepseek_v2": {"num_key_value_heads": 4},
    "deepseek_v3": {"num_key_value_heads": 4},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 1},
    "zamba2": {"num_mem_blocks": 1},
}
"""Further fields that single classes need."""

VERDICTS = ("local", "hf", "refused", "not built")

TASK = make_task("arithmetic-and-strings")

PROMPTS = [Prompt(text) for text in ("copy ab=", "rev abc=", "add 12+34=")]


@dataclass(frozen=True)
class Verdict:
    """The way in which one architecture can be taught."""

    kind: str
    """The name of the architecture in transformers, ``model_type``."""
    verdict: str
    """One of ``VERDICTS``."""
    reason: str = ""
    """The reason why it is not ``local``; empty if it is."""


def kinds() -> list[str]:
    """Return the ``model_type`` of every causal language model in transformers."""
    return sorted({config.model_type for config in MODEL_FOR_CAUSAL_LM_MAPPING})


def make_small(kind: str, **changes: Any) -> Any:
    """Make a small model with random weights for the tokenizer of ``tiny``."""
    known = AutoConfig.for_model(kind)
    text = known.get_text_config()
    fields: dict[str, Any] = {n: value for n, value in SMALL.items() if _has(text, n)}
    if _has(text, "qk_rope_head_dim"):  # such a class derives the other sizes of heads
        fields.pop("head_dim", None)
        fields.pop("num_key_value_heads", None)
    fields.update(vocab_size=len(make_tokenizer()), **_TOKENS)
    fields.update({**SPECIAL.get(kind, {}), **changes})
    if text is not known:
        raise ValueError("its configuration is that of several models")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, **fields)
        models: Any = AutoModelForCausalLM
        return models.from_config(config).eval()


def save_small(kind: str, folder: Path, **changes: Any) -> None:
    """Save the model of ``make_small`` and its tokenizer as a folder that is a student."""
    make_small(kind, **changes).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)


def judge(kind: str) -> Verdict:
    """Build a small model, save it, load it as a student, teach it and let it answer."""
    _log.set_verbosity_error()
    _log.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            save_small(kind, Path(name))
            logits_of(make_small(kind), [3, 4, 5, 6])
        except Exception as error:  # a configuration that this table of fields does not fit
            return Verdict(kind, "not built", _short(error, name))
        try:
            student: Any = make_student(name, TASK, adaptation="lora", rank=2, max_new_tokens=8)
            _teach(student)
        except TeachgymError as error:
            return Verdict(kind, "refused", _short(error, name))
        except Exception as error:  # what may not happen is to be seen in the table
            return Verdict(kind, "refused", f"RAW {_short(error, name)}")
        if not isinstance(student, HuggingFaceStudent):
            return Verdict(kind, "local")
        reason = next(text for w in said if "hf backend" in (text := str(w.message)))
        reason = reason.partition("local backend: ")[2] or reason
        alone = "; answers one prompt at a time" if student.prompts_at_once == 1 else ""
        return Verdict(kind, "hf", _clean(reason, name) + alone)


def _teach(student: Any) -> None:
    """Let the student answer before and after an update, which must be finite."""
    student.generate(PROMPTS)
    data = tuple(Example(prompt.text, "ab", "copy") for prompt in PROMPTS)
    trainer = make_trainer(student, epochs=1)
    result = trainer.train(student, data, np.random.default_rng(0))
    if not np.isfinite(result.loss):
        raise FloatingPointError(f"its loss is {result.loss}")
    student.generate(PROMPTS)


_TOKENS = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}


def _has(config: Any, name: str) -> bool:
    return name in config.to_dict() or name in type(config).attribute_map


def _short(error: Exception, folder: str) -> str:
    kind = "" if isinstance(error, TeachgymError) else f"{type(error).__name__}: "
    return _clean(f"{kind}{error}", folder)


def _clean(text: str, folder: str) -> str:
    text = text.replace(folder, "MODEL").partition("\n")[0].replace("|", "/")
    return text.partition("; take another")[0].partition(". Give 'simulated'")[0][:160]


# -- the page --------------------------------------------------------------------------------


def page(verdicts: Sequence[Verdict]) -> str:
    """Return the text of ``docs/architectures.md``."""
    counts = {v: sum(one.verdict == v for one in verdicts) for v in VERDICTS}
    ordered = sorted(verdicts, key=lambda v: (VERDICTS.index(v.verdict), v.kind))
    rows = [f"| {v.kind} | {v.verdict} | {v.reason} |" for v in ordered]
    return "\n".join(
        [
            "# Architectures",
            "",
            "Every causal language model of transformers that can be built small from its",
            "configuration alone, with random weights, adapted by LoRA in 32 bits on a CPU. Made",
            "by `python -m teachgym.benchmarks.models.architectures` with transformers",
            f"{transformers.__version__} and torch {torch.__version__.partition('+')[0]}.",
            "",
            "`local`: packed training and slots compute what the model itself computes. `hf`: they",
            "do not, for the reason given, so the student is taught by peft and `generate`, and a",
            "warning says so when it is loaded. `refused`: one line at loading says why. `not",
            "built`: the small configuration does not fit, so nothing is known here; loading a",
            "real model of the kind makes the same check.",
            "",
            "| verdict | architectures |",
            "|---|---|",
            *(f"| {verdict} | {count} |" for verdict, count in counts.items()),
            "",
            "| architecture | verdict | reason |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


_PATIENCE = 60.0
"""Seconds to wait for a verdict."""


def judge_all(names: Sequence[str]) -> Iterator[Verdict]:
    """Judge each architecture in a process of its own, so that a crash does not affect others."""
    context = get_context("fork")  # what was imported is there at once
    for name in track(names, "judging"):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_send_verdict, args=(name, sender))
        process.start()
        sender.close()
        try:
            late = not receiver.poll(_PATIENCE)
            yield Verdict(name, "not built", "it takes too long") if late else receiver.recv()
        except EOFError:
            yield Verdict(name, "not built", "its process died")
        finally:
            process.kill()
            process.join()


def _send_verdict(name: str, sender: Any) -> None:
    sender.send(judge(name))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="docs/architectures.md", type=Path)
    chosen = parser.parse_args(arguments)
    chosen.out.write_text(page(list(judge_all(kinds()))), encoding="utf-8")


if __name__ == "__main__":
    main()
