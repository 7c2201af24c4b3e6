"""The stacks a user would pick: peft with a plain loop, the Trainer, TRL; ``generate``.

They are given every advantage that their own interface offers: a resident model, the same batches
in the same order without a data-loading process, no checkpoints, no gradient checkpointing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal

from teachgym.benchmarks.speeds.material import LEARNING_RATE, Material, in_order
from teachgym.benchmarks.speeds.measure import Curve
from teachgym.types import Data

IGNORED = -100


@dataclass
class PeftSystem:
    """One resident peft model that plays every student in turn."""

    material: Material
    trainer: Literal["loop", "hf", "trl", "trl-flat"] = "loop"
    answers_at_once: int = 64
    _model: Any = None
    _tokenizer: Any = None
    _start: list[dict[str, Any]] = field(default_factory=list)
    _now: list[dict[str, Any]] = field(default_factory=list)
    """Adapter weights of every student: at first, and now."""

    is_resident: ClassVar[bool] = True

    def prepare(self) -> None:
        """Load the base once and all adapters."""
        material = self.material
        self._tokenizer, self._model = load(
            material.base, material.adapters[0], device=material.device
        )
        self._start = [read_weights(folder) for folder in material.adapters]
        if self.trainer.startswith("trl"):
            import_module("trl")
        if self.trainer == "trl-flat":
            import_module("flash_attn")  # without it, the texts of a batch would see each other
            self._model.set_attn_implementation("flash_attention_2")

    def reset(self) -> None:
        """Put every student back to its first adapter."""
        self._now = [dict(weights) for weights in self._start]

    def train(self, data: Sequence[Data]) -> Curve:
        """One student after another."""
        assert self.material.case.training is not None
        curves = []
        for student, own in enumerate(data):
            rows = encode(self._tokenizer, in_order(own, self.material.case.training))
            write_weights(self._model, self._now[student])
            curves.append(self._train(rows))
            self._now[student] = copy_weights(self._model)
        return Curve.mean(curves)

    def _train(self, rows: list[dict[str, list[int]]]) -> Curve:
        assert self.material.case.training is not None
        size = self.material.case.training.batch
        if self.trainer == "loop":
            return train_in_loop(self._model, rows, size)
        return train_with_trainer(
            self._model, rows, size, tokenizer=self._tokenizer, kind=self.trainer
        )

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """One student after another, a batch of prompts at a time."""
        answers = []
        for student, own in enumerate(prompts):
            write_weights(self._model, self._now[student])
            answers.append(
                generate(
                    self._model,
                    self._tokenizer,
                    own,
                    at_once=self.answers_at_once,
                    limit=self.material.case.longest_answer,
                )
            )
        return answers

    def close(self) -> None:
        """Let go of the memory."""
        self._model = None


def load(base: Path, adapter: Path, *, device: str) -> tuple[Any, Any]:
    """Tokenizer, and the base with a trainable adapter."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    model.to(device)
    # In generate() the head sees a strided slice, for which torch copies frozen weights.
    model.lm_head.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    return tokenizer, PeftModel.from_pretrained(model, adapter, is_trainable=True)


def encode(tokenizer: Any, data: Data) -> list[dict[str, list[int]]]:
    """Token ids, and labels at the target and its end alone."""
    end = tokenizer.eos_token_id
    rows = []
    for example in data:
        prompt, target = tokenizer([example.prompt, example.target])["input_ids"]
        ids = [*prompt, *target, end]
        rows.append({"input_ids": ids, "labels": [IGNORED] * len(prompt) + ids[len(prompt) :]})
    return rows


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """Tensors (B, T), padded on the right."""
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


def train_in_loop(model: Any, rows: Sequence[dict[str, list[int]]], size: int) -> Curve:
    """The shortest honest loop: padded batches, AdamW, clipping."""
    import torch

    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    losses, n_targets = [], 0
    model.train()
    for start in range(0, len(rows), size):
        batch = collate(rows[start : start + size])
        n_targets += int((batch["labels"] != IGNORED).sum())
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        loss = model(**batch, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.detach())
    model.eval()
    return Curve([float(x) for x in losses], n_targets)


def train_with_trainer(
    model: Any,
    rows: Sequence[dict[str, list[int]]],
    size: int,
    *,
    tokenizer: Any,
    kind: str = "hf",
    micro_batch: int | None = None,
) -> Curve:
    """The Trainer of transformers or of TRL, on the same updates.

    Args:
        model: of peft.
        rows: in the order they are to be trained on.
        size: examples an update.
        tokenizer: TRL wants one.
        kind: ``hf``, ``trl``, or ``trl-flat``.
        micro_batch: examples a forward pass; None = ``size``.
    """
    import tempfile

    import transformers

    datasets = import_module("datasets")  # neither it nor TRL has types
    micro_batch = micro_batch or size
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": micro_batch,
            "gradient_accumulation_steps": size // micro_batch,
            "num_train_epochs": 1,
            "learning_rate": LEARNING_RATE,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "optim": "adamw_torch",
            "gradient_checkpointing": False,
            "train_sampling_strategy": "sequential",
            "save_strategy": "no",
            "logging_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "use_cpu": model.device.type == "cpu",
            "bf16": model.device.type == "cuda",
        }
        given: dict[str, Any] = {
            "model": model,
            "train_dataset": datasets.Dataset.from_list(list(rows)),
        }
        if kind == "hf":
            parent: Any = transformers.Trainer
            settings["remove_unused_columns"] = False
            given |= {"data_collator": collate}
            given["args"] = transformers.TrainingArguments(**settings)
        else:
            trl = import_module("trl")
            parent = trl.SFTTrainer
            settings["dataset_kwargs"] = {"skip_prepare_dataset": True}
            settings |= {"max_length": None, "padding_free": kind == "trl-flat"}
            given["processing_class"] = tokenizer
            given["args"] = trl.SFTConfig(**settings)
        trainer = _recording(parent)(**given)
        trainer.train()
    model.eval()
    parts = [float(loss) for loss in trainer.losses]
    per_update = size // micro_batch
    sums = [sum(parts[i : i + per_update]) for i in range(0, len(parts), per_update)]
    return Curve(sums, sum(x != IGNORED for row in rows for x in row["labels"]))


def _recording(parent: Any) -> Any:
    """A trainer that remembers the loss of every forward pass."""

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
    """Greedy answers by transformers, batches in the order of the prompts."""
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
    """An adapter's tensors by the names of the file."""
    from safetensors.torch import load_file

    return dict(load_file(folder / "adapter_model.safetensors"))


def _adapter_parameters(model: Any) -> dict[str, Any]:
    return {
        name.replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if "lora_" in name
    }


def write_weights(model: Any, weights: dict[str, Any]) -> None:
    """Copy an adapter into the model."""
    for name, parameter in _adapter_parameters(model).items():
        parameter.data.copy_(weights[name])


def copy_weights(model: Any) -> dict[str, Any]:
    """A copy of the model's adapter."""
    return {name: p.detach().clone() for name, p in _adapter_parameters(model).items()}
