"""The reference trainer: a plain loop over padded batches, with ``torch.optim.AdamW`` by default.

It makes the updates that ``teachgym.training.fine_tuning`` makes from packed texts: the same
batches in the same order, the same rates, clipping and loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
from rich.progress import track
from torch.nn.utils import clip_grad_norm_

from teachgym.errors import ConfigError
from teachgym.protocols import Student
from teachgym.settings import Like
from teachgym.students.hf.student import HuggingFaceStudent, Sequences
from teachgym.students.image_texts import ImageTexts
from teachgym.students.local.weights import Weight
from teachgym.training.datum import Datum, batches, by_datum, log_diverged
from teachgym.training.fine_tuning import Supervised
from teachgym.training.first_losses import FirstLosses
from teachgym.training.losses import Loss, Sft, Targets, cross_entropy, losses_of
from teachgym.training.optimizers import make_optimizers
from teachgym.training.references import refer
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.training.targets import targets_of
from teachgym.training.teacher_models import TeacherModel
from teachgym.types import Cost, Data, TrainResult


class HuggingFaceTrainer(Supervised[HuggingFaceStudent]):
    """Fine-tuning in padded batches, as ``Supervised`` says.

    A batch is one forward pass, or one for each shape of its pictures, whatever ``token_budget``
    says.
    """

    usual = FineTuningSettings(optimizer="adamw")

    def train(
        self, student: HuggingFaceStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of the examples and dropout."""
        started = perf_counter()
        (encoded,) = self._encoded(student.texts, [data])
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
        log_diverged(student.trained.values())
        cost = replace(self._cost(encoded), seconds=perf_counter() - started)
        return TrainResult(loss, len(made), cost, first.of(referred, len(data)))

    def _differentiate(self, student: HuggingFaceStudent, datum: Datum) -> Iterator[torch.Tensor]:
        student.model.zero_grad()
        batch_loss(student, [datum], Sft()).backward()  # type: ignore[no-untyped-call]
        # What an example does not reach, as a picture's weights, keeps its place in the sketch.
        weights = student.trained.values()
        return (torch.zeros_like(w) if w.grad is None else w.grad for w in weights)

    def _update_all(
        self, student: HuggingFaceStudent, made: Sequence[list[Datum]], first: FirstLosses
    ) -> float:
        """One update per batch; the mean loss per target token."""
        weights, update = list(student.trained.values()), self._updates(student)
        total, n_targets = 0.0, 0.0
        for step, batch in enumerate(track(made, "training", disable=not self.progress)):
            student.model.zero_grad()
            loss = batch_loss(student, batch, self.loss, first=first)
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(weights, self.settings.clip)
            update(self.settings.rate(step, len(made)))
            n_batch = sum(d.n_targets for d in batch)
            total, n_targets = total + loss.item() * n_batch, n_targets + n_batch
        return total / n_targets if n_targets else math.nan

    def _updates(self, student: HuggingFaceStudent) -> Callable[[float], None]:
        """A function that makes an update at a learning rate."""
        if self.settings.optimizer == "adamw":
            optimizer = torch.optim.AdamW(student.trained.values(), weight_decay=0.0)

            def update(rate: float) -> None:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()

            return update
        weights = [Weight(*named, is_stacked=False) for named in student.trained.items()]
        made = make_optimizers(student.model, weights, self.settings)

        def update_all(rate: float) -> None:
            for own in made:
                own.step(torch.tensor([rate], device=student.device), [0])

        return update_all


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
        rows = losses_of(loss, logits, targets)
        if first is not None:
            first.note(batch, targets.weights, [rows.detach()])
        return rows.sum()


@torch.inference_mode()
def _score(
    student: HuggingFaceStudent, now: Sequence[Sequence[Datum]]
) -> Iterator[tuple[Datum, torch.Tensor]]:
    """Each example of the one batch there is, with the log-probabilities of its rows."""
    for batch in filter(None, now):
        with student.threads(), student.computing():
            scores = -cross_entropy(*_read(student, batch))
        yield from by_datum(batch, scores)


def _read(
    student: HuggingFaceStudent, batch: Sequence[Datum], *, hidden: bool = False
) -> tuple[torch.Tensor, Targets]:
    """Logits (n, V) of the rows with a loss, and what they should have predicted."""
    texts = [text for datum in batch for text in datum.texts]
    n_targets = sum(d.n_targets for d in batch)
    targets = targets_of(batch, [1 / n_targets if n_targets else 0.0] * len(batch))
    columns = [t.ids[:-1] for t in texts], [t.images for t in texts], [t.start for t in texts]
    read, rows_of = Sequences(*columns), dict[int, tuple[torch.Tensor, ...]]()
    for rows in student.passes(read):
        inputs = student.inputs(read[rows], on="right")
        output = student.model(**inputs, output_hidden_states=hidden)
        told = (output.logits, *([output.hidden_states[-1]] if hidden else []))
        for row, i in enumerate(rows):
            weighed = torch.tensor(texts[i].weights[1:], device=student.device) != 0
            rows_of[i] = tuple(one[row, : len(weighed)][weighed] for one in told)
    picked, *states = map(torch.cat, zip(*(rows_of[i] for i in range(len(texts))), strict=True))
    targets = targets.part(0, len(picked), student.device)
    return picked, replace(targets, hidden=states[0]) if hidden else targets


def padded(
    student: Student,
    *,
    teacher_model: TeacherModel | None = None,
    **settings: Annotated[Any, Like(FineTuningSettings)],
) -> HuggingFaceTrainer:
    """Fine-tunes a student of the ``hf`` backend, in padded batches.

    Args:
        student: of the ``hf`` backend.
        teacher_model: what the loss follows, if it follows one.
        settings: fields of ``FineTuningSettings`` that differ from the recipe of its size.

    Raises:
        ConfigError: for another kind of student, or a setting that is out of range.
    """
    if not isinstance(student, HuggingFaceStudent):
        raise ConfigError(
            f"trainer 'padded' cannot train a {type(student).__name__}; set trainer='auto'"
        )
    sees = isinstance(student.texts, ImageTexts)
    usual = recipe(student.n_parameters, student.lora, sees=sees)
    return HuggingFaceTrainer(replace(usual, **settings), teacher_model=teacher_model)
