"""Fine-tuning of language-model students: examples → tokens → loss → updates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from rich.progress import track
from torch import nn

from teachgym.errors import ConfigError, unknown
from teachgym.students.language_model import LanguageModelStudent
from teachgym.training.muon import Muon
from teachgym.types import Cost, Data, TrainResult

OPTIMIZERS = ("muon", "adamw")
IGNORED = -100
"""The label of positions without loss."""


@dataclass(frozen=True)
class FineTuningSettings:
    """How a student is fine-tuned on one set of examples."""

    learning_rate: float = 2e-3
    """Peak learning rate, > 0."""
    batch_size: int = 16
    """Examples per update, >= 1."""
    epochs: int = 1
    """Passes over the data, >= 1."""
    warmup_steps: int = 5
    """Updates over which the rate rises linearly to its peak, >= 0."""
    constant_share: float = 0.0
    """Share of the updates, in [0, 1), before the rate starts to fall linearly."""
    final_share: float = 0.05
    """Share of the peak rate that is left at the end, in [0, 1]."""
    clip: float = 1.0
    """Largest norm of the gradient, > 0."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """``muon``: Muon for hidden matrices and AdamW for the rest; ``adamw``: AdamW for all."""

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ConfigError(unknown("optimizer", self.optimizer, OPTIMIZERS))
        for name in ("batch_size", "epochs"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        for name in ("learning_rate", "clip"):
            _check(name, getattr(self, name), getattr(self, name) > 0, "above 0")
        _check("warmup_steps", self.warmup_steps, self.warmup_steps >= 0, "0 or more")
        _check("constant_share", self.constant_share, 0 <= self.constant_share < 1, "in [0, 1)")
        _check("final_share", self.final_share, 0 <= self.final_share <= 1, "in [0, 1]")

    def rate(self, step: int, total: int) -> float:
        """Learning rate of update ``step`` (from 0) of ``total``.

        Example:
            >>> settings = FineTuningSettings(learning_rate=1.0, warmup_steps=2, final_share=0)
            >>> [settings.rate(step, 4) for step in range(4)]
            [0.5, 0.75, 0.5, 0.25]
        """
        warm = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        progress = max(0.0, step / total - self.constant_share) / (1 - self.constant_share)
        return self.learning_rate * warm * (1 - (1 - self.final_share) * progress)


@dataclass(frozen=True, slots=True)
class Datum:
    """An example as tokens; never leaves ``teachgym.training``."""

    ids: tuple[int, ...]
    """Prompt, target, end of sequence."""
    prompt_length: int
    """Leading tokens without loss."""


class FineTuner:
    """Supervised fine-tuning: cross entropy on the target and its end, fresh optimizer each time.

    Args:
        settings: defaults are the recipe of the ``tiny`` student.
        progress: show a progress bar while training.
    """

    def __init__(
        self, settings: FineTuningSettings | None = None, *, progress: bool = False
    ) -> None:
        self.settings = settings or FineTuningSettings()
        self.progress = progress

    def cost(self, student: LanguageModelStudent, data: Data) -> Cost:
        """Tokens of prompt, target and end, once per epoch."""
        tokens = sum(len(d.ids) for d in encode(student, data))
        return Cost(train_tokens=tokens * self.settings.epochs)

    def train(
        self, student: LanguageModelStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of the examples and dropout."""
        if not data:
            return TrainResult(loss=math.nan, steps=0, cost=Cost())
        started = perf_counter()
        encoded = encode(student, data)
        batches = list(self._batches(encoded, rng))
        device = student.model.device
        # Dropout takes no generator, so the global state is set for it and put back.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**63)))
            losses = self._update(student, batches)
        tokens = sum(len(d.ids) for d in encoded) * self.settings.epochs
        return TrainResult(
            loss=weighted_mean(losses),
            steps=len(losses),
            cost=Cost(train_tokens=tokens, seconds=perf_counter() - started),
        )

    def _batches(self, data: Sequence[Datum], rng: np.random.Generator) -> Iterator[list[Datum]]:
        size = self.settings.batch_size
        for _ in range(self.settings.epochs):
            order = rng.permutation(len(data))
            for start in range(0, len(data), size):
                yield [data[i] for i in order[start : start + size]]

    def _update(
        self, student: LanguageModelStudent, batches: Sequence[Sequence[Datum]]
    ) -> list[tuple[float, int]]:
        """One update per batch; mean loss and number of target tokens of each."""
        model = student.model
        optimizers = make_optimizers(model, self.settings)
        losses = []
        model.train()
        try:
            for step, batch in enumerate(track(batches, "training", disable=not self.progress)):
                rate = self.settings.rate(step, len(batches))
                for group in (g for o in optimizers for g in o.param_groups):
                    group["lr"] = rate
                loss, n_targets = target_loss(model, batch)
                model.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), self.settings.clip)
                for optimizer in optimizers:
                    optimizer.step()
                losses.append((float(loss.detach()), n_targets))
        finally:
            model.zero_grad()
            model.eval()
        return losses


def encode(student: LanguageModelStudent, data: Data) -> list[Datum]:
    """Tokens of the examples.

    Raises:
        ConfigError: for examples with loss spans, which this trainer does not weigh.
    """
    for example in data:
        if example.spans:
            raise ConfigError(
                f"example {example.prompt!r} has loss spans, which the fine-tuner does not weigh; "
                "leave Example.spans empty"
            )
    prompts = student.encode([e.prompt for e in data])
    targets = student.encode([e.target for e in data])
    eos = int(student.tokenizer.eos_token_id)
    return [
        Datum((*prompt, *target, eos), len(prompt))
        for prompt, target in zip(prompts, targets, strict=True)
    ]


def collate(batch: Sequence[Datum]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and labels, each (B, T), padded on the right; labels are shifted by one.

    ``labels[b, t]`` is the token after ``ids[b, t]`` where that token belongs to a target, and
    ``IGNORED`` elsewhere. Causal attention never looks to the right, so padding is harmless.
    """
    length = max(len(d.ids) for d in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    labels = torch.full((len(batch), length), IGNORED)
    for row, datum in enumerate(batch):
        n, first = len(datum.ids), datum.prompt_length
        ids[row, :n] = torch.tensor(datum.ids)
        first = max(first, 1)  # Nothing comes before the first token that could predict it.
        labels[row, first - 1 : n - 1] = ids[row, first:n]
    return ids, labels


def target_loss(model: Any, batch: Sequence[Datum]) -> tuple[torch.Tensor, int]:
    """Mean cross entropy per target token, and how many there are."""
    ids, labels = (t.to(model.device) for t in collate(batch))
    # The head is applied from the first target on: over large vocabularies it is most of the work.
    n_kept = ids.shape[1] - max(min(d.prompt_length for d in batch) - 1, 0)
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=n_kept).logits  # (B, n_kept, V)
    labels = labels[:, -n_kept:]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    return loss, int((labels != IGNORED).sum())


def make_optimizers(model: Any, settings: FineTuningSettings) -> tuple[torch.optim.Optimizer, ...]:
    """Optimizers over all parameters; Muon takes the matrices of hidden layers."""
    embeddings = {id(p) for p in model.get_input_embeddings().parameters()}
    embeddings |= {id(p) for p in model.get_output_embeddings().parameters()}
    params = [p for p in model.parameters() if p.requires_grad]
    hidden = [p for p in params if p.ndim == 2 and id(p) not in embeddings]
    if settings.optimizer == "adamw":
        hidden = []
    taken = {id(p) for p in hidden}
    rest = [p for p in params if id(p) not in taken]
    adamw = torch.optim.AdamW(rest, lr=settings.learning_rate, weight_decay=0.0)
    return (Muon(hidden, lr=settings.learning_rate), adamw) if hidden else (adamw,)


def weighted_mean(losses: Sequence[tuple[float, int]]) -> float:
    """Mean loss per target token over the batches; nan without any."""
    n_targets = sum(n for _, n in losses)
    return sum(loss * n for loss, n in losses) / n_targets if n_targets else math.nan


def _check(name: str, value: float, allowed: bool, range_: str) -> None:
    if not allowed:
        raise ConfigError(f"{name} is {value}; it must be {range_}")
