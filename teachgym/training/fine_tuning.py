"""Fine-tuning of language-model students: examples -> tokens -> packed passes -> updates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, pairwise
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
from rich.progress import track

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Like
from teachgym.students.local.network import split_by_tokens
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent, pool_of
from teachgym.training.datum import Datum, batches, encode, log_skipped, train_tokens
from teachgym.training.first_losses import FirstLosses
from teachgym.training.losses import Loss, Targets, cross_entropy
from teachgym.training.optimizers import clip_gradients, make_optimizers
from teachgym.training.packing import Pass, passes
from teachgym.training.references import Teach, refer, require_teacher
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.types import Cost, Data, TrainResult

TOKEN_BUDGETS = {"cpu": 2048, "cuda": 32768}
"""Tokens in one pass: enough to hide overhead, few enough for caches and memory."""

_LOGITS_AT_ONCE = 2**26
"""Logits in memory at once; rows beyond that wait for the next chunk."""


class FineTuner(Trainer[LanguageModelStudent]):
    """Fine-tuning on target tokens, with a fresh optimizer each time.

    The updates are those of padded batches; the texts are packed only within a batch, all
    responses of an example in the same pass.

    Args:
        settings: see ``FineTuningSettings``.
        loss: what to minimise; None = the loss that the settings name.
        teach: tells what a teacher model thinks, for losses that follow one.
        progress: show a progress bar while training.
    """

    batchable = True

    def __init__(
        self,
        settings: FineTuningSettings | None = None,
        *,
        loss: Loss | None = None,
        teach: Teach | None = None,
        progress: bool = False,
    ) -> None:
        self.settings = settings or FineTuningSettings()
        self.loss = loss or self.settings.make_loss()
        self.teach = require_teacher(self.loss, teach)
        self.progress = progress

    def cost(self, student: LanguageModelStudent, data: Data) -> Cost:
        """Tokens of prompt, target and end, once per epoch.

        With a loss over pairs those of both responses, and once more for a reference.
        """
        encoded = encode(student.texts, data, self.loss.needs)
        return Cost(train_tokens=train_tokens(encoded, self.settings.epochs, self.loss.needs))

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
        needs, epochs = self.loss.needs, self.settings.epochs
        encoded = [self.teach(encode(pool.texts, own, needs)) for own in data]
        log_skipped(data, encoded)
        made: list[list[list[Datum]]] = [[] for _ in range(pool.count)]
        seeds = [0] * pool.count
        for student, own, rng in zip(students, encoded, rngs, strict=True):
            if own:
                made[student.index] = batches(own, self.settings, rng)
                seeds[student.index] = int(rng.integers(2**63))
        first = FirstLosses()
        with pool.threads():
            referred = refer(made, epochs, needs, partial(self._score, pool))
            losses = self._update_all(pool, referred, seeds, first)
        seconds = (perf_counter() - started) / len(students)
        results = []
        for student, own, handed in zip(students, encoded, data, strict=True):
            updates = referred[student.index]
            tokens = train_tokens(own, epochs, needs)
            cost = Cost(train_tokens=tokens, seconds=seconds if own else 0.0)
            each = first.of(updates, len(handed))
            results.append(TrainResult(losses[student.index], len(updates), cost, each))
        return results

    def _update_all(
        self,
        pool: StudentPool,
        made: Sequence[Sequence[list[Datum]]],
        seeds: Sequence[int],
        first: FirstLosses,
    ) -> list[float]:
        """One update per batch of each student; the mean loss per target token of each, (K,)."""
        device = pool.network.device
        sums = torch.zeros(pool.count, dtype=torch.float64, device=device)
        # Dropout of the model's own takes no generator, so the global state is set and put back.
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            pool.network.training(),
            pool.layout.dropping_by([torch.Generator(device).manual_seed(s) for s in seeds]),
        ):
            torch.manual_seed(max(seeds))
            for losses in self._updates(pool, made, first):
                sums += losses
        n_targets = [sum(d.n_targets for batch in own for d in batch) for own in made]
        return [s / n if n else math.nan for s, n in zip(sums.tolist(), n_targets, strict=True)]

    def _updates(
        self, pool: StudentPool, made: Sequence[Sequence[list[Datum]]], first: FirstLosses
    ) -> Iterator[torch.Tensor]:
        """Make the updates one by one; each yields the summed losses of its batches, (K,)."""
        optimizers = make_optimizers(pool, self.settings)
        device, totals = pool.network.device, [len(own) for own in made]
        for step in track(range(max(totals)), "training", disable=not self.progress):
            active = [k for k, total in enumerate(totals) if step < total]
            now = [own[step] if step < len(own) else [] for own in made]
            losses = self._differentiate(pool, now, first)
            clip_gradients(pool.weights, self.settings.clip, active)
            rates = [self.settings.rate(step, max(total, 1)) for total in totals]
            for optimizer in optimizers:
                optimizer.step(torch.tensor(rates, device=device), active)
            n_targets = [sum(d.n_targets for d in own) for own in now]
            yield losses * torch.tensor(n_targets, device=device)

    def _differentiate(
        self, pool: StudentPool, now: Sequence[list[Datum]], first: FirstLosses
    ) -> torch.Tensor:
        """Set the gradients of every student's mean loss over its batch; the losses, (K,)."""
        device = pool.network.device
        pool.network.model.zero_grad()
        losses = torch.zeros(pool.count, dtype=torch.float64, device=device)
        for one in passes(now, self._budget(pool)):
            losses += run_pass(pool, one, self.loss, first=first)
        return losses

    def _score(
        self, pool: StudentPool, now: Sequence[Sequence[Datum]]
    ) -> Iterator[tuple[Sequence[Datum], torch.Tensor]]:
        """Pass by pass, the examples and the log-probabilities of their rows."""
        for one in passes(now, self._budget(pool)):
            yield one.data, score_pass(pool, one)

    def _budget(self, pool: StudentPool) -> int:
        return self.settings.token_budget or TOKEN_BUDGETS.get(pool.network.device.type, 2048)


def packed(student: Student, **settings: Annotated[Any, Like(FineTuningSettings)]) -> FineTuner:
    """Fine-tunes students of the ``local`` and ``vllm`` backends, in packed batches.

    Args:
        student: of one of these backends.
        settings: fields of ``FineTuningSettings`` that differ from the recipe of its size.

    Raises:
        ConfigError: for another kind of student, or a setting that is out of range.
    """
    if not isinstance(student, LanguageModelStudent):
        raise ConfigError(
            f"trainer 'packed' cannot train a {type(student).__name__}; set trainer='auto'"
        )
    return FineTuner(replace(recipe(student.pool.n_parameters, student.pool.lora), **settings))


def run_pass(
    pool: StudentPool, one: Pass, loss: Loss, *, first: FirstLosses | None = None
) -> torch.Tensor:
    """Forward and backward; each student's part of its mean loss, shape (K,).

    The head is applied to rows with a loss alone, and to few of them at a time: each chunk is
    differentiated before the next, so that large vocabularies need little memory. ``first`` is
    told the losses of the rows.
    """
    device = pool.network.device
    picked = _hidden(pool, one)
    leaf = picked.detach().requires_grad_()
    totals = [torch.zeros(pool.count, dtype=torch.float64, device=device)]
    rows = [torch.zeros(0, dtype=torch.float64, device=device)]
    for start, stop in _chunks(one.targets, pool.network.n_tokens, whole=loss.needs.groups):
        counts = _counts_within(one.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            row_losses = loss(pool.logits(leaf[start:stop]), one.targets.part(start, stop, device))
        row_losses.sum().backward()  # type: ignore[no-untyped-call]
        rows.append(row_losses.detach().double())
        pieces = torch.split(rows[-1], list(counts))
        totals.append(torch.stack([piece.sum() for piece in pieces]))
    if leaf.grad is not None:
        with pool.layout.blocks(one.n_read):
            picked.backward(leaf.grad)  # type: ignore[no-untyped-call]
    if first is not None:
        first.note(one.data, one.targets.weights, rows)
    return torch.stack(totals).sum(0)


@torch.no_grad()  # inference mode would multiply what students share all at once
def score_pass(pool: StudentPool, one: Pass) -> torch.Tensor:
    """Log-probability of the right token of each row, shape (n,)."""
    hidden, scores = _hidden(pool, one), []
    for start, stop in _chunks(one.targets, pool.network.n_tokens):
        counts = _counts_within(one.n_targets, start, stop)
        with pool.computing(), pool.layout.blocks(counts):
            part = one.targets.part(start, stop, hidden.device)
            scores.append(-cross_entropy(pool.logits(hidden[start:stop]), part))
    return torch.cat(scores)


def _hidden(pool: StudentPool, one: Pass) -> torch.Tensor:
    """Hidden states of the rows with a loss, shape (n, d)."""
    with pool.computing(), pool.layout.blocks(one.n_read):
        hidden = pool.network.packed_hidden(one.texts)
    return hidden[one.rows.to(pool.network.device)]


def _chunks(targets: Targets, n_tokens: int, *, whole: bool = False) -> Iterator[tuple[int, int]]:
    """Where each chunk of rows starts and stops; ``whole`` groups are never parted."""
    n, chunk = len(targets.labels), max(1, _LOGITS_AT_ONCE // n_tokens)
    if not whole:
        return pairwise([*range(0, n, chunk), n])
    runs = split_by_tokens(targets.counts.tolist(), int, chunk)
    return pairwise([0, *accumulate(sum(run) for run in runs)])


def _counts_within(counts: Sequence[int], start: int, stop: int) -> tuple[int, ...]:
    """How many of each student's rows are in ``start:stop``, rows in order of students."""
    within, first = [], 0
    for count in counts:
        within.append(max(0, min(first + count, stop) - max(first, start)))
        first += count
    return tuple(within)
