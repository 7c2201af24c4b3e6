"""Models that a student follows token by token, and how a loss is told what they think.

A teacher model reads the responses in the student's data and gives its likeliest next tokens at
each of them (``TopK``), of which losses with ``Needs.teacher`` are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import torch

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, checked
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.training.datum import Datum
from teachgym.training.forward import read_pass, score_pass, token_budget
from teachgym.training.losses import Loss, Needs, TopK
from teachgym.training.packing import Pass, passes
from teachgym.types import Cost


class TeacherModel(Protocol):
    """A model whose next tokens a loss follows."""

    def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        """The same examples with what the model holds likeliest in ``Datum.teacher``.

        Args:
            texts: the student's tokens and prompt format, in which ``data`` is.
            data: of one student.
            needs: of the loss that is told.

        Raises:
            ConfigError: for a student of other tokens than it has.
        """

    def score(self, texts: Texts, data: Sequence[Datum], temperature: float) -> list[Datum]:
        """The same examples with the model's log-probabilities of their tokens as references.

        The arguments are those of ``read``; the model's logits are divided by ``temperature``.
        """

    def cost(self, data: Sequence[Datum]) -> Cost:
        """The price of reading them, which is known before: by default, each token once."""
        return Cost(teacher_tokens_in=sum(datum.n_tokens for datum in data))


@checked
@dataclass(frozen=True)
class ModelTeacher(TeacherModel):
    """A language model of this process as it is when it is asked, packed as the student is."""

    student: LanguageModelStudent
    top_k: CountFromOne = 64
    """Tokens told at each place, >= 1; from the size of the vocabulary on, all of them. A place
    takes 8 bytes for each."""

    def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        """See ``TeacherModel``; the tokenizers must have the same vocabulary."""
        pool, known = self.student.pool, dict[int, Datum]()
        n_tokens = len(texts.tokenizer)
        with pool.threads():
            for one in self._passes(texts, data):
                rows = read_pass(pool, one, n_tokens, self.top_k, needs.temperature)
                for datum, told in zip(one.data, split_rows(rows, one.data), strict=True):
                    known[id(datum)] = replace(datum, teacher=told)
        return [known[id(datum)] for datum in data]

    def score(self, texts: Texts, data: Sequence[Datum], temperature: float) -> list[Datum]:
        """See ``TeacherModel``; the tokenizers must have the same vocabulary."""
        pool, known = self.student.pool, dict[int, Datum]()
        with pool.threads():
            for one in self._passes(texts, data):
                rest = iter(score_pass(pool, one, temperature).tolist())
                for datum in one.data:
                    known[id(datum)] = replace(datum, references=tuple(islice(rest, datum.n_rows)))
        return [known[id(datum)] for datum in data]

    def _passes(self, texts: Texts, data: Sequence[Datum]) -> Iterator[Pass]:
        """The data as the model reads it."""
        pool = self.student.pool
        require_same_tokens(texts, pool.texts)
        own: list[Sequence[Datum]] = [()] * pool.count
        own[self.student.index] = data
        return passes(own, token_budget(pool.network.device))


def split_rows(rows: TopK, data: Sequence[Datum]) -> list[TopK]:
    """The part of ``rows`` that belongs to each of ``data``, which follow one another there."""
    counts = [datum.n_rows for datum in data]
    parts = zip(torch.split(rows.ids, counts), torch.split(rows.logprobs, counts), strict=True)
    # Copies, or each part would keep the whole alive.
    return [TopK(ids.clone(), logprobs.clone()) for ids, logprobs in parts]


def require_same_tokens(student: Texts, teacher: Texts) -> None:
    """Refuse a teacher model whose tokens mean something else than the student's.

    Raises:
        ConfigError: if the vocabularies differ.
    """
    if student is teacher or student.tokenizer.get_vocab() == teacher.tokenizer.get_vocab():
        return
    raise ConfigError(
        f"the teacher model has {len(teacher.tokenizer)} tokens and the student other "
        f"{len(student.tokenizer)}, so that none can be followed; choose a teacher model with the "
        "student's tokenizer"
    )


def require_teacher(loss: Loss, teacher_model: TeacherModel | None) -> TeacherModel | None:
    """What tells the loss of a teacher model; None for a loss that follows none.

    Raises:
        ConfigError: if a loss would follow one and there is none.
    """
    if not loss.needs.teacher:
        return None
    if teacher_model is None:
        raise ConfigError(
            f"{type(loss).__name__} follows the log-probabilities of a teacher model, and the "
            "trainer has none; give the trainer one (teacher_model=), or choose another loss"
        )
    return teacher_model
