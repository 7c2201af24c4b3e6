"""The usual stacks as functions: a plain peft loop, TRL, transformers' ``generate``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speed.material import LEARNING_RATE, Tokens
from teachgym.types import Data

IGNORED = -100


def load(base: Path, adapter: Path, *, device: str) -> tuple[Any, Any]:
    """Load the tokenizer, and the base with a trainable adapter."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    model.to(device)
    # In generate() the head sees a strided slice, for which torch copies frozen weights.
    model.lm_head.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    return tokenizer, PeftModel.from_pretrained(model, adapter, is_trainable=True)


def encode(tokenizer: Any, data: Data) -> list[Tokens]:
    """Encode an example: token ids, and labels at the target and its end only."""
    end = tokenizer.eos_token_id
    rows = []
    for example in data:
        prompt, target = tokenizer([example.prompt, example.target])["input_ids"]
        ids = [*prompt, *target, end]
        rows.append({"input_ids": ids, "labels": [IGNORED] * len(prompt) + ids[len(prompt) :]})
    return rows


def collate(rows: Sequence[Tokens]) -> dict[str, Any]:
    """Collate rows into tensors (B, T), padded on the right."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in rows])

    mask = [[1] * len(r["input_ids"]) + [0] * (longest - len(r["input_ids"])) for r in rows]
    return {
        "input_ids": padded("input_ids", 0),
        "labels": padded("labels", IGNORED),
        "attention_mask": torch.tensor(mask),
    }


def n_labels(row: Tokens) -> int:
    """Return the number of tokens to learn."""
    return sum(label != IGNORED for label in row["labels"])


def train_in_loop(model: Any, rows: Sequence[Tokens], size: int) -> list[float]:
    """Train in a minimal loop with padded batches, AdamW and clipping; return the losses."""
    import torch

    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    losses = []
    model.train()
    for start in range(0, len(rows), size):
        batch = collate(rows[start : start + size])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        loss = model(**batch, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.detach())
    model.eval()
    return [float(x) for x in losses]


def train_with_sft(
    model: Any, tokenizer: Any, rows: Sequence[Tokens], size: int, micro_batch: int
) -> list[float]:
    """Train by TRL's ``SFTTrainer`` on the same updates in the same order; return the losses."""
    trl, per_update = import_module("trl"), size // micro_batch
    own = {
        "gradient_accumulation_steps": per_update,
        "train_sampling_strategy": "sequential",
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }
    make = recording(trl.SFTTrainer)
    trainer = train_with_trl(make, trl.SFTConfig, model, tokenizer, rows, micro_batch, own)
    parts = [float(loss) for loss in trainer.losses]
    return [sum(parts[i : i + per_update]) for i in range(0, len(parts), per_update)]


def train_with_trl(
    trainer: Any,
    config: Any,
    model: Any,
    tokenizer: Any,
    rows: Sequence[Tokens] | Sequence[Mapping[str, str]],
    micro_batch: int,
    own: Mapping[str, Any],
) -> Any:
    """Train by one of TRL's trainers, which write nothing and only train; return the trainer.

    Args:
        trainer: its class, or what makes it.
        config: the class of its settings.
        model: what is trained.
        tokenizer: of the model.
        rows: the examples, in their order.
        micro_batch: examples in a forward pass.
        own: settings that not all trainers have.
    """
    from transformers.trainer_callback import PrinterCallback

    with tempfile.TemporaryDirectory() as folder:
        settings = config(
            output_dir=folder,
            per_device_train_batch_size=micro_batch,
            num_train_epochs=1,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=1.0,
            optim="adamw_torch",
            gradient_checkpointing=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=model.device.type == "cpu",
            bf16=model.device.type == "cuda",
            **own,
        )
        made = trainer(
            model=model,
            args=settings,
            train_dataset=import_module("datasets").Dataset.from_list(list(rows)),
            processing_class=tokenizer,
        )
        made.remove_callback(PrinterCallback)
        made.train()
    model.eval()
    return made


def recording(parent: Any) -> Any:
    """Subclass a trainer so that it records the loss of every forward pass."""

    class Recording(parent):  # type: ignore[misc]
        losses: list[Any]

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            self.losses = [*getattr(self, "losses", []), loss.detach()]
            return loss

    return Recording


def generate(
    model: Any, tokenizer: Any, prompts: Sequence[str], *, at_once: int, limit: int
) -> list[str]:
    """Generate greedy answers by transformers, in batches in the order of the prompts."""
    import torch

    answers: list[str] = []
    for start in range(0, len(prompts), at_once):
        batch = tokenizer(list(prompts[start : start + at_once]), return_tensors="pt", padding=True)
        batch = batch.to(model.device)
        with torch.inference_mode():
            ids = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=limit,
                do_sample=False,
            )
        new = ids[:, batch["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers


def read_weights(folder: Path) -> dict[str, Any]:
    """Read the tensors of an adapter by their names in the file."""
    from safetensors.torch import load_file

    return dict(load_file(folder / "adapter_model.safetensors"))


def _adapter_parameters(model: Any) -> dict[str, Any]:
    return {
        name.replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if "lora_" in name
    }


def write_weights(model: Any, weights: dict[str, Any]) -> None:
    """Copy the tensors of an adapter into the model."""
    for name, parameter in _adapter_parameters(model).items():
        parameter.data.copy_(weights[name])


def copy_weights(model: Any) -> dict[str, Any]:
    """Return a copy of the model's adapter."""
    return {name: p.detach().clone() for name, p in _adapter_parameters(model).items()}
