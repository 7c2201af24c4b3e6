"""Teacher models that a student learns from, and their reports to losses.

A teacher model that a student follows token by token reads the responses in the student's data and
gives its likeliest next tokens at each of them (``TopK``), of which losses with ``Needs.teacher``
are made.
"""

from __future__ import annotations

import hashlib
import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from teachgym.cache import write_whole
from teachgym.errors import ConfigError, UnsupportedError
from teachgym.settings import CountFromOne, checked
from teachgym.students.local.scoring import score_targets
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.training.alm import with_pieces
from teachgym.training.authors import Author, ModelAuthor
from teachgym.training.datum import Datum
from teachgym.training.forward import read_pass, token_budget
from teachgym.training.grader import Grader
from teachgym.training.judges import (
    ByScore,
    Comparison,
    Judge,
    JudgedBy,
    LikelihoodJudge,
    TaskJudge,
)
from teachgym.training.losses import Loss, Needs, TopK
from teachgym.training.packing import passes
from teachgym.training.updates import score
from teachgym.types import Cost

_log = logging.getLogger(__name__)


class TeacherModel(Protocol):
    """A model that a student learns from: by its log-probabilities, answers or judgements."""

    reads: bool = True
    """Whether it tells log-probabilities, which losses follow."""
    ratios: bool = False
    """Whether what it tells are logarithms of ratios, which only losses that need them follow."""

    def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        """The same examples with the model's likeliest tokens in ``Datum.teacher``.

        Args:
            texts: the student's tokens and prompt format, in which ``data`` is.
            data: of one student.
            needs: of the loss that is told.

        Raises:
            ConfigError: for a student of other tokens than it has.
        """
        raise UnsupportedError(f"a {type(self).__name__} gives no log-probabilities")

    def score(self, texts: Texts, data: Sequence[Datum], temperature: float) -> list[Datum]:
        """The same examples with the model's log-probabilities of their tokens as references.

        The arguments are those of ``read``; the model's logits are divided by ``temperature``.
        """
        raise UnsupportedError(f"a {type(self).__name__} gives the likeliest tokens only")

    @property
    @abstractmethod
    def identity(self) -> str:
        """Equal for teacher models with equal reports on equal tokens."""

    @property
    def author(self) -> Author | None:
        """The part that answers for it; None = it does not answer, as by default."""
        return None

    @property
    def judge(self) -> Judge | None:
        """The part that judges for it; None = it does not judge, as by default."""
        return None

    @property
    def comparison(self) -> Comparison | None:
        """The part that compares answers for it; by default the judge does, by scores."""
        return ByScore(self.judge) if self.judge else None

    def cost(self, data: Sequence[Datum], needs: Needs) -> Cost:
        """The price of reading the examples, known in advance; by default, that of their tokens."""
        return self.reading(sum(datum.n_tokens for datum in data))

    def reading(self, n_tokens: int) -> Cost:
        """The price of reading so many of the student's tokens; by default, each once."""
        return Cost(teacher_tokens_in=n_tokens)


@checked
@dataclass(frozen=True)
class ModelTeacher(TeacherModel):
    """A language model of this process in its present state, packed as the student is."""

    student: LanguageModelStudent
    top_k: CountFromOne = 64
    """Tokens told at each place, >= 1; from the size of the vocabulary on, all of them. A place
    takes 8 bytes for each."""
    memory: Path | None = None
    """The folder where what is told is kept, and not read again; None = it is not kept."""

    @property
    def identity(self) -> str:
        """The digest of the weights, with the number of reported tokens."""
        return f"{self.student.fingerprint()} {self.top_k}"

    @property
    def author(self) -> ModelAuthor:
        """The model itself."""
        return ModelAuthor(self.student)

    @property
    def judge(self) -> LikelihoodJudge:
        """The model itself, by how likely answers are to it."""
        return LikelihoodJudge(self.student)

    def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        """See ``TeacherModel``; except for pieces, the vocabularies must be equal.

        Pieces of text are not kept.
        """
        if needs.pieces:
            return self._read_pieces(texts, data)
        if self.memory is None:
            return self._read(texts, data, needs)
        read = partial(self._read, texts, needs=needs)
        return remembered(self.memory, (self.identity, needs.temperature), read, data)

    def _read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        pool, known = self.student.pool, dict[int, Datum]()
        n_tokens = len(texts.tokenizer)
        with pool.threads():
            for one in passes(self._alone(texts, data), token_budget(pool.network.device)):
                rows = read_pass(pool, one, n_tokens, self.top_k, needs.temperature)
                for datum, told in zip(one.data, split_rows(rows, one.data), strict=True):
                    known[id(datum)] = replace(datum, teacher=told)
        return [known[id(datum)] for datum in data]

    def score(self, texts: Texts, data: Sequence[Datum], temperature: float) -> list[Datum]:
        """See ``TeacherModel``; the tokenizers must have the same vocabulary."""
        pool, own = self.student.pool, self._alone(texts, data)
        with pool.threads():
            scored = score(pool, token_budget(pool.network.device), own, temperature=temperature)
            known = {id(datum): tuple(logprobs.tolist()) for datum, logprobs in scored}
        return [replace(datum, references=known[id(datum)]) for datum in data]

    def cost(self, data: Sequence[Datum], needs: Needs) -> Cost:
        """The price of each token read; for pieces of text, in this model's tokens."""
        if not needs.pieces:
            return super().cost(data, needs)
        pairs = self._pairs(data)
        return Cost(teacher_tokens_in=sum(len(p) + len(t) for p, t in pairs))

    def _pairs(self, data: Sequence[Datum]) -> list[tuple[list[int], list[int]]]:
        """Prompts and targets in this model's own tokens and prompt format."""
        examples = [datum.example for datum in data if datum.example]
        questions, targets = [e.question for e in examples], [e.target for e in examples]
        return self.student.texts.pairs(questions, targets)

    def _read_pieces(self, texts: Texts, data: Sequence[Datum]) -> list[Datum]:
        pool, own = self.student.pool, self.student.texts
        scores = score_targets(pool, self.student.index, self._pairs(data))
        return [
            with_pieces(texts, datum, own, logprobs.tolist())
            for datum, logprobs in zip(data, scores, strict=True)
        ]

    def _alone(self, texts: Texts, data: Sequence[Datum]) -> list[Sequence[Datum]]:
        """The data as a batch of the model among its pool's students."""
        pool = self.student.pool
        require_same_tokens(texts, pool.texts)
        own: list[Sequence[Datum]] = [()] * pool.count
        own[self.student.index] = data
        return own


def split_rows(rows: TopK, data: Sequence[Datum]) -> list[TopK]:
    """The part of ``rows`` that belongs to each of ``data``, which follow one another there."""
    counts = [datum.n_rows for datum in data]
    parts = (torch.split(of, counts) for of in (rows.ids, rows.logprobs, rows.rest))
    # Copies, or each part would keep the whole alive.
    return [TopK(*(part.clone() for part in own)) for own in zip(*parts, strict=True)]


def require_same_tokens(student: Texts, teacher: Texts) -> None:
    """Refuse a teacher model whose tokens differ from the student's.

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


def remembered(
    folder: Path,
    told_by: Sequence[object],
    read: Callable[[Sequence[Datum]], list[Datum]],
    data: Sequence[Datum],
) -> list[Datum]:
    """The examples with what a teacher model tells of them, kept on disk and read once.

    What is remembered is charged as if it were read, so that results do not depend on what is in
    the folder. A text is read beside others than the first time where some are remembered, which
    may change the last bits of what is told of it.

    Args:
        folder: where files are kept.
        told_by: all that decides what is told besides an example, told apart by ``repr``.
        read: has the model tell of examples.
        data: examples.
    """
    paths = [folder / f"{_digest(told_by, datum)}.safetensors" for datum in data]
    found = [_recall(path, datum) for path, datum in zip(paths, data, strict=True)]
    new = [d for d, told in zip(data, found, strict=True) if told is None]
    told = iter(read(new) if new else ())
    known = [one or next(told) for one in found]
    try:
        for path, datum, before in zip(paths, known, found, strict=True):
            if before is None and datum.teacher is not None:
                write_whole(path, save(vars(datum.teacher)))
    except OSError as error:
        _log.warning("what the teacher model tells is not kept: %s", error)
    return known


def _digest(told_by: Sequence[object], datum: Datum) -> str:
    """The hex digest of all that decides what is told of an example."""
    weighed = [[bool(weight) for weight in text.weights] for text in datum.texts]
    return hashlib.sha256(repr((*told_by, datum.identity, weighed)).encode()).hexdigest()


def _recall(path: Path, datum: Datum) -> Datum | None:
    """The example with what was told of it; None if nothing was, or it cannot be read."""
    try:
        told = TopK(**load(path.read_bytes()))
    except (OSError, TypeError, SafetensorError):
        return None
    return replace(datum, teacher=told) if len(told.rest) == datum.n_rows else None


def require_teacher(loss: Loss, teacher_model: TeacherModel | None) -> TeacherModel | None:
    """The teacher model that a loss needs; None for a loss that follows none.

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
    return require_reading(teacher_model, loss)


def require_reading(teacher_model: TeacherModel, loss: Loss) -> TeacherModel:
    """Refuse a teacher model that does not tell what the loss follows, as a chat model does not.

    Raises:
        ConfigError: for such a model.
    """
    who = type(loss).__name__
    if not teacher_model.reads:
        raise ConfigError(
            f"{who} follows log-probabilities, and a {type(teacher_model).__name__} tells none; "
            "choose a language model of this process as teacher_model, such as 'tiny', or learn "
            "from answers or judgements: trainer='rejection-sampling' with author='teacher' or "
            "judge='teacher'"
        )
    if loss.needs.ratios != teacher_model.ratios:
        raise ConfigError(
            f"{who} and a {type(teacher_model).__name__} do not go together; the loss 'adpa' and "
            "teacher_model='advantage' do"
        )
    return teacher_model


def judge_of(by: JudgedBy, grader: Grader, teacher_model: TeacherModel | None, who: str) -> Judge:
    """The judge that a trainer goes by.

    Args:
        by: a setting of the trainer.
        grader: of the task.
        teacher_model: of the trainer; None = there is none.
        who: the trainer, for messages.

    Raises:
        ConfigError: for a teacher model that is not there or judges nothing.
    """
    if by == "task":
        return TaskJudge(grader)
    if teacher_model is None:
        raise ConfigError(f"{who} needs a teacher model; set teacher_model")
    if (judge := teacher_model.judge) is None:
        raise ConfigError(
            f"{type(teacher_model).__name__} judges nothing; set trainer_settings.judge='task', or "
            "another teacher_model"
        )
    return judge
