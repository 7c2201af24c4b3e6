"""The reference trainer: a plain loop over padded batches with ``torch.optim.AdamW``.

It makes the updates that ``teachgym.training.fine_tuning`` makes from packed texts: the same
batches in the same order, the same rates, clipping and loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from teachgym.errors import ConfigError
from teachgym.protocols import Student
from teachgym.students.hf import HuggingFaceStudent, pad
from teachgym.training.datum import Datum, batches, encode
from teachgym.training.losses import Loss, Targets, sft
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.types import Cost, Data, TrainResult

ADAMW = FineTuningSettings(optimizer="adamw")
"""The defaults, with the only optimizer there is here."""


class HuggingFaceTrainer:
    """Fine-tuning on target tokens, with a fresh optimizer each time.

    Args:
        settings: see ``FineTuningSettings``; the optimizer must be ``adamw``. A batch is one
            forward pass, whatever ``token_budget`` says.
        loss: what to minimise.

    Raises:
        ConfigError: for another optimizer.
    """

    def __init__(self, settings: FineTuningSettings = ADAMW, *, loss: Loss = sft) -> None:
        if settings.optimizer != "adamw":
            raise ConfigError(
                f"optimizer is {settings.optimizer!r}; the hf backend has 'adamw' alone, so set "
                "trainer_settings.optimizer='adamw' or student_settings.backend='local'"
            )
        self.settings, self.loss = settings, loss

    def cost(self, student: HuggingFaceStudent, data: Data) -> Cost:
        """Tokens of prompt, target and end, once per epoch; padding is free."""
        tokens = sum(len(d.ids) for d in encode(student.texts, data))
        return Cost(train_tokens=tokens * self.settings.epochs)

    def train(
        self, student: HuggingFaceStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of the examples and dropout."""
        if not data:
            return TrainResult(math.nan, 0, Cost())
        started = perf_counter()
        encoded = encode(student.texts, data)
        made = batches(encoded, self.settings, rng)
        seed = int(rng.integers(2**63))
        device = student.device
        # Dropout takes no generator, so the global state is set and put back.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            student.model.train()
            try:
                loss = self._update_all(student, made)
            finally:
                student.model.eval()
                student.model.zero_grad()
        cost = replace(self.cost(student, data), seconds=perf_counter() - started)
        return TrainResult(loss, len(made), cost)

    def _update_all(self, student: HuggingFaceStudent, made: Sequence[list[Datum]]) -> float:
        """One update per batch; the mean loss per target token."""
        weights = list(student.trained.values())
        optimizer = torch.optim.AdamW(weights, weight_decay=0.0)
        total, n_targets = 0.0, 0.0
        for step, batch in enumerate(made):
            for group in optimizer.param_groups:
                group["lr"] = self.settings.rate(step, len(made))
            optimizer.zero_grad()
            loss = batch_loss(student, batch, self.loss)
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(weights, self.settings.clip)
            optimizer.step()
            n_batch = sum(d.n_targets for d in batch)
            total, n_targets = total + loss.item() * n_batch, n_targets + n_batch
        return total / n_targets if n_targets else math.nan


def batch_loss(student: HuggingFaceStudent, batch: Sequence[Datum], loss: Loss) -> torch.Tensor:
    """Mean loss per target token of a batch, padded on the right; a scalar with a gradient."""
    device = student.device
    ids, mask = pad([d.ids for d in batch], on="right")
    weights = torch.zeros(ids.shape)
    for row, datum in enumerate(batch):
        weights[row, : len(datum.weights)] = torch.tensor(datum.weights)
    ids, mask, weights = ids.to(device), mask.to(device), weights.to(device)
    rows, places = (weights[:, 1:] > 0).nonzero(as_tuple=True)
    n_targets = sum(d.n_targets for d in batch)
    with student.computing():
        logits = student.model(input_ids=ids[:, :-1], attention_mask=mask[:, :-1]).logits
        targets = Targets(
            labels=ids[rows, places + 1],
            weights=weights[rows, places + 1] / (n_targets or 1.0),
            texts=rows,
        )
        return loss(logits[rows, places], targets).sum()


def make_hf_trainer(student: Student, settings: Mapping[str, Any]) -> HuggingFaceTrainer:
    """The trainer of a ``HuggingFaceStudent``: its size's recipe, by AdamW.

    Args:
        student: of the ``hf`` backend.
        settings: fields of ``FineTuningSettings`` that differ from the recipe.

    Raises:
        ConfigError: for another kind of student, or a setting that is out of range.
    """
    if not isinstance(student, HuggingFaceStudent):
        raise ConfigError(
            f"there is no trainer for a {type(student).__name__}; give the environment one that "
            "has cost and train (teachgym.protocols.Trainer)"
        )
    usual = replace(recipe(student.n_parameters, student.lora), optimizer="adamw")
    return HuggingFaceTrainer(replace(usual, **settings))
