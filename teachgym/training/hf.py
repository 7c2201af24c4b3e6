"""The reference trainer: a plain loop over padded batches with ``torch.optim.AdamW``.

It makes the updates that ``teachgym.training.fine_tuning`` makes from packed texts: the same
batches in the same order, the same rates, clipping and loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Like
from teachgym.students.hf.student import HuggingFaceStudent, pad
from teachgym.training.datum import Datum, batches, encode, log_skipped, train_tokens
from teachgym.training.first_losses import FirstLosses
from teachgym.training.losses import Loss, Targets, cross_entropy, require_given
from teachgym.training.references import refer
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.training.targets import targets_of
from teachgym.training.teacher_models import TeacherModel, require_teacher
from teachgym.types import Cost, Data, TrainResult

ADAMW = FineTuningSettings(optimizer="adamw")
"""The defaults, with the only optimizer there is here."""


class HuggingFaceTrainer(Trainer[HuggingFaceStudent]):
    """Fine-tuning on target tokens, with a fresh optimizer each time.

    Args:
        settings: see ``FineTuningSettings``; the optimizer must be ``adamw``. A batch is one
            forward pass, whatever ``token_budget`` says.
        loss: what to minimise; None = the loss that the settings name.
        teacher_model: what the loss follows, if it follows one.

    Raises:
        ConfigError: for another optimizer.
    """

    def __init__(
        self,
        settings: FineTuningSettings = ADAMW,
        *,
        loss: Loss | None = None,
        teacher_model: TeacherModel | None = None,
    ) -> None:
        if settings.optimizer != "adamw":
            raise ConfigError(
                f"optimizer is {settings.optimizer!r}; the hf backend has 'adamw' alone, so set "
                "trainer_settings.optimizer='adamw' or student_settings.backend='local'"
            )
        self.settings, self.loss = settings, require_given(loss or settings.make_loss())
        self.teacher_model = require_teacher(self.loss, teacher_model)

    def cost(self, student: HuggingFaceStudent, data: Data) -> Cost:
        """As of ``FineTuner``; padding is free."""
        encoded = encode(student.texts, data, self.loss.needs)
        read = self.teacher_model.cost(encoded, self.loss.needs) if self.teacher_model else Cost()
        return read + Cost(
            train_tokens=train_tokens(encoded, self.settings.epochs, self.loss.needs)
        )

    def train(
        self, student: HuggingFaceStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of the examples and dropout."""
        started = perf_counter()
        encoded = encode(student.texts, data, self.loss.needs)
        if self.teacher_model is not None:
            encoded = self.teacher_model.read(student.texts, encoded, self.loss.needs)
        log_skipped([data], [encoded])
        if not encoded:
            return TrainResult(math.nan, 0, Cost(), (math.nan,) * len(data))
        made = batches(encoded, self.settings, rng)
        seed, epochs = int(rng.integers(2**63)), self.settings.epochs
        (referred,) = refer([made], epochs, self.loss.needs, partial(_score, student))
        device, first = student.device, FirstLosses()
        # Dropout takes no generator, so the global state is set and put back.
        with (
            student.threads(),
            torch.random.fork_rng([device] if device.type == "cuda" else []),
        ):
            torch.manual_seed(seed)
            student.model.train()
            try:
                loss = self._update_all(student, referred, first)
            finally:
                student.model.eval()
                student.model.zero_grad()
        cost = replace(self.cost(student, data), seconds=perf_counter() - started)
        return TrainResult(loss, len(made), cost, first.of(referred, len(data)))

    def _update_all(
        self, student: HuggingFaceStudent, made: Sequence[list[Datum]], first: FirstLosses
    ) -> float:
        """One update per batch; the mean loss per target token."""
        weights = list(student.trained.values())
        optimizer = torch.optim.AdamW(weights, weight_decay=0.0)
        total, n_targets = 0.0, 0.0
        for step, batch in enumerate(made):
            for group in optimizer.param_groups:
                group["lr"] = self.settings.rate(step, len(made))
            optimizer.zero_grad()
            loss = batch_loss(student, batch, self.loss, first=first)
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(weights, self.settings.clip)
            optimizer.step()
            n_batch = sum(d.n_targets for d in batch)
            total, n_targets = total + loss.item() * n_batch, n_targets + n_batch
        return total / n_targets if n_targets else math.nan


def batch_loss(
    student: HuggingFaceStudent,
    batch: Sequence[Datum],
    loss: Loss,
    *,
    first: FirstLosses | None = None,
) -> torch.Tensor:
    """Mean loss per target token of a batch, padded on the right; a scalar with a gradient.

    ``first`` is told the losses of the rows.
    """
    with student.computing():
        logits, targets = _read(student, batch, hidden=loss.needs.hidden)
        rows = loss(logits, targets)
        if first is not None:
            first.note(batch, targets.weights, [rows.detach()])
        return rows.sum()


@torch.inference_mode()
def _score(
    student: HuggingFaceStudent, now: Sequence[Sequence[Datum]]
) -> Iterator[tuple[Sequence[Datum], torch.Tensor]]:
    """The one batch there is, and the log-probabilities of its rows."""
    for batch in filter(None, now):
        with student.threads(), student.computing():
            scores = -cross_entropy(*_read(student, batch))
        yield batch, scores


def _read(
    student: HuggingFaceStudent, batch: Sequence[Datum], *, hidden: bool = False
) -> tuple[torch.Tensor, Targets]:
    """Logits (n, V) of the rows with a loss, and what they should have predicted."""
    texts = [text for datum in batch for text in datum.texts]
    ids, mask = (t[:, :-1].to(student.device) for t in pad([t.ids for t in texts], on="right"))
    weighed = torch.zeros(len(texts), ids.shape[1], dtype=torch.bool)
    for row, text in enumerate(texts):
        weighed[row, : len(text.ids) - 1] = torch.tensor(text.weights[1:]) != 0
    n_targets = sum(d.n_targets for d in batch)
    targets = targets_of(batch, [1 / n_targets if n_targets else 0.0] * len(batch))
    weighed = weighed.to(student.device)
    output = student.model(input_ids=ids, attention_mask=mask, output_hidden_states=hidden)
    picked: torch.Tensor = output.logits[weighed]
    told = targets.part(0, len(picked), student.device)
    if hidden:
        told = replace(told, hidden=output.hidden_states[-1][weighed])
    return picked, told


def padded(
    student: Student, **settings: Annotated[Any, Like(FineTuningSettings)]
) -> HuggingFaceTrainer:
    """Fine-tunes a student of the ``hf`` backend, in padded batches.

    Args:
        student: of the ``hf`` backend.
        settings: fields of ``FineTuningSettings`` that differ from the recipe of its size.

    Raises:
        ConfigError: for another kind of student, or a setting that is out of range.
    """
    if not isinstance(student, HuggingFaceStudent):
        raise ConfigError(
            f"trainer 'padded' cannot train a {type(student).__name__}; set trainer='auto'"
        )
    usual = replace(recipe(student.n_parameters, student.lora), optimizer="adamw")
    return HuggingFaceTrainer(replace(usual, **settings))
