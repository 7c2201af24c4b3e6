"""Fine-tuning of language-model students: examples -> tokens -> packed passes -> updates."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Annotated, Any, TypeVar

import numpy as np
import torch
from rich.progress import track

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Like
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent, pool_of
from teachgym.students.texts import Texts
from teachgym.training.captured import CapturedUpdates, captures
from teachgym.training.compiled import compiled_layers, compiles
from teachgym.training.datum import (
    Datum,
    encode,
    log_diverged,
    log_skipped,
    plans_of,
    train_tokens,
)
from teachgym.training.first_losses import FirstLosses
from teachgym.training.forward import token_budget
from teachgym.training.gradients import projected
from teachgym.training.losses import Sft, require_given
from teachgym.training.references import refer
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.training.teacher_models import TeacherModel, require_teacher
from teachgym.training.updates import (
    EagerUpdates,
    Updates,
    differentiate,
    in_training,
    score,
)
from teachgym.types import Cost, Data, TrainResult

StudentT = TypeVar("StudentT", LanguageModelStudent, HuggingFaceStudent)


class Supervised(Trainer[StudentT]):
    """Fine-tuning on target tokens, with a fresh optimizer each time.

    Args:
        settings: see ``FineTuningSettings``; None = the trainer's ``usual``.
        teacher_model: what the loss follows, if it follows one.
        progress: show a progress bar while training.

    Raises:
        ConfigError: for a loss that learns from samples, or lacks its teacher model.
    """

    usual = FineTuningSettings()

    def __init__(
        self,
        settings: FineTuningSettings | None = None,
        *,
        teacher_model: TeacherModel | None = None,
        progress: bool = False,
    ) -> None:
        self.settings, self.progress = settings or self.usual, progress
        self.loss = require_given(self.settings.make_loss())
        self.teacher_model = require_teacher(self.loss, teacher_model)

    def cost(self, student: StudentT, data: Data) -> Cost:
        """Tokens of prompt, target and end, once per epoch; padding is free.

        With a loss over pairs those of both responses, and once more for a reference. What a
        teacher model reads is the teacher's.
        """
        return self._cost(encode(student.texts, data, self.loss.needs))

    def gradients(self, student: StudentT, data: Data, *, dimensions: int) -> np.ndarray:
        """The gradients of the loss ``sft``, for any trainer, without dropout or update."""
        with student.threads():
            differentiated = partial(self._differentiate, student)
            found = projected(encode(student.texts, data), differentiated, dimensions)
        student.model.zero_grad()
        return found

    @abstractmethod
    def _differentiate(self, student: StudentT, datum: Datum) -> Iterable[torch.Tensor]:
        """The gradients of the loss ``sft`` of an example, by all weights."""

    def _encoded(self, texts: Texts, data: Sequence[Data]) -> list[list[Datum]]:
        """The data of each student with all that a teacher model tells of it."""
        needs, model = self.loss.needs, self.teacher_model
        encoded = [encode(texts, own, needs) for own in data]
        log_skipped(data, encoded)
        return [model.read(texts, own, needs) for own in encoded] if model else encoded

    def _cost(self, encoded: Sequence[Datum]) -> Cost:
        needs, epochs = self.loss.needs, self.settings.epochs
        told = self.teacher_model.cost(encoded, needs) if self.teacher_model else Cost()
        return told + Cost(train_tokens=train_tokens(encoded, epochs, needs))


class FineTuner(Supervised[LanguageModelStudent]):
    """Fine-tuning in packed passes, as ``Supervised`` says.

    The updates are those of padded batches; the texts are packed only within a batch, all
    responses of an example in the same pass.
    """

    batchable = True
    _kept: CapturedUpdates | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The state without what is captured, which belongs to the students of now."""
        return {**self.__dict__, "_kept": None}

    def train(
        self, student: LanguageModelStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of the examples and dropout."""
        return self.train_together([student], [data], [rng])[0]

    def train_together(
        self,
        students: Sequence[LanguageModelStudent],
        data: Sequence[Data],
        rngs: Sequence[np.random.Generator],
    ) -> list[TrainResult]:
        """Train students of one pool, each on its own data, as ``train`` would one by one.

        Raises:
            ConfigError: for students of different pools.
        """
        pool = pool_of(students)
        started = perf_counter()
        encoded = self._encoded(pool.texts, data)
        places = [student.index for student in students]
        made, seeds = plans_of(places, encoded, self.settings, rngs, count=pool.count)
        first = FirstLosses()
        with pool.threads():
            captured = self._captured(pool)
            scored = captured.score if captured else partial(score, pool, self._budget(pool))
            referred = refer(made, self.settings.epochs, self.loss.needs, scored)
            losses = self._update_all(pool, referred, seeds, first)
        seconds = (perf_counter() - started) / len(students)
        results = []
        for student, own, handed in zip(students, encoded, data, strict=True):
            updates = referred[student.index]
            log_diverged(w.values[student.index] for w in pool.weights)
            cost = replace(self._cost(own), seconds=seconds if own else 0.0)
            each = first.of(updates, len(handed))
            results.append(TrainResult(losses[student.index], len(updates), cost, each))
        return results

    def _differentiate(self, student: LanguageModelStudent, datum: Datum) -> Iterator[torch.Tensor]:
        pool, k = student.pool, student.index
        now = [[datum] if i == k else [] for i in range(pool.count)]
        differentiate(pool, now, Sft(), self._budget(pool))
        return (w.grad[k] for w in pool.weights if w.grad is not None)

    def _update_all(
        self,
        pool: StudentPool,
        made: Sequence[Sequence[list[Datum]]],
        seeds: Sequence[int],
        first: FirstLosses,
    ) -> list[float]:
        """One update per batch of each student; the mean loss per target token of each, (K,)."""
        totals, found = [len(own) for own in made], []
        with self._updates(pool, totals, seeds) as updates:
            for step in track(range(max(totals)), "training", disable=not self.progress):
                now = [own[step] if step < len(own) else [] for own in made]
                found.append(updates.differentiate(now, first=first))
                updates.apply(step)
        sums = torch.zeros(pool.count, dtype=torch.float64)
        # One look at the device, at the end: until then nobody waits for it.
        for step, losses in enumerate(torch.stack(found).cpu() if found else ()):
            now = [own[step] if step < len(own) else [] for own in made]
            sums += losses * torch.tensor([sum(d.n_targets for d in own) for own in now])
        n_targets = [sum(d.n_targets for batch in own for d in batch) for own in made]
        return [s / n if n else math.nan for s, n in zip(sums.tolist(), n_targets, strict=True)]

    @contextmanager
    def _updates(
        self, pool: StudentPool, totals: Sequence[int], seeds: Sequence[int]
    ) -> Iterator[Updates]:
        """The updates of one run, within which dropout is on and layers may be compiled."""
        compiled = compiles(pool, self.settings)
        with compiled_layers(pool.network.model) if compiled else nullcontext():
            captured = self._captured(pool)
            if captured is not None:
                with captured.training(totals, seeds, compiled=compiled):
                    yield captured
                return
            generators = [torch.Generator(pool.network.device) for _ in seeds]
            with in_training(pool, generators, seeds):
                yield EagerUpdates(pool, self.settings, totals, self.loss)

    def _captured(self, pool: StudentPool) -> CapturedUpdates | None:
        """The graphs captured for the pool, kept from one run to the next; None = none."""
        if not captures(pool, self.settings):
            return None
        if self._kept is None or not self._kept.serve(pool, self.settings, self.loss):
            self._kept = CapturedUpdates(pool, self.settings, self.loss)
        return self._kept

    def _budget(self, pool: StudentPool) -> int:
        return token_budget(pool.network.device, self.settings.token_budget)


def packed(
    student: Student,
    *,
    teacher_model: TeacherModel | None = None,
    **settings: Annotated[Any, Like(FineTuningSettings)],
) -> FineTuner:
    """Fine-tunes students of the ``local`` and ``vllm`` backends, in packed batches.

    Args:
        student: of one of these backends.
        teacher_model: what the loss follows, if it follows one.
        settings: fields of ``FineTuningSettings`` that differ from the recipe of its size.

    Raises:
        ConfigError: for another kind of student, or a setting that is out of range.
    """
    if not isinstance(student, LanguageModelStudent):
        raise ConfigError(
            f"trainer 'packed' cannot train a {type(student).__name__}; set trainer='auto'"
        )
    usual = recipe(student.pool.n_parameters, student.pool.lora)
    return FineTuner(replace(usual, **settings), teacher_model=teacher_model)
