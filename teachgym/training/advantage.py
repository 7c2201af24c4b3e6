"""``advantage``: two language models as one teacher model, which tells what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.settings import Table
from teachgym.students.texts import Texts
from teachgym.training.datum import Datum
from teachgym.training.losses import Needs, TopK
from teachgym.training.teacher_models import TeacherModel
from teachgym.training.teacher_settings import model_teacher
from teachgym.types import Cost, FrozenDict

_ALL = 10**9
"""Tokens told at each place: more than any vocabulary has."""
_AS_IT_IS: Mapping[str, Any] = FrozenDict()
_TAUGHT: Mapping[str, Any] = FrozenDict({"examples": 16_000})


@dataclass(frozen=True)
class Advantage(TeacherModel):
    """Tells of each token how much likelier it is to one model than to another.

    The logarithm of the ratio stands where other teacher models have log-probabilities. Both models
    read everything and are paid for.
    """

    after: TeacherModel
    before: TeacherModel
    ratios = True

    @property
    def identity(self) -> str:
        """The identity of both models."""
        return f"{self.after.identity} over {self.before.identity}"

    def read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        """See ``TeacherModel``; models that do not tell all tokens are refused."""
        told = (model.read(texts, data, needs) for model in (self.after, self.before))
        return [
            replace(after, teacher=_ratios(after.teacher, before.teacher))
            for after, before in zip(*told, strict=True)
        ]

    def reading(self, n_tokens: int) -> Cost:
        """The price of both."""
        return self.after.reading(n_tokens) + self.before.reading(n_tokens)


def _ratios(after: TopK | None, before: TopK | None) -> TopK:
    """Logarithms of ratios of probabilities, of all tokens at each row."""
    assert after is not None
    assert before is not None
    if not torch.equal(after.ids, before.ids):
        raise ConfigError("ratios need all tokens of both teacher models; raise their top_k")
    apart = after.logprobs - before.logprobs
    return TopK(after.ids, apart, torch.zeros_like(after.rest))


def advantage(
    task: Task,
    *,
    model: str = "tiny",
    after: Table[Mapping[str, Any]] = _TAUGHT,
    before: Table[Mapping[str, Any]] = _AS_IT_IS,
) -> Advantage:
    """Tells what training made of a language model, token by token: the advantages of ADPA.

    Args:
        task: what the student is taught.
        model: a language model with the student's tokens.
        after: what makes it the one that is followed: fields of ``TeacherModelSettings``, by
            default a training on the task's right answers.
        before: what makes it the one that it is compared with; by default nothing.

    Raises:
        ConfigError: for settings that do not exist or are out of range.
    """
    made = (model_teacher(model, task, {**own, "top_k": _ALL}) for own in (after, before))
    return Advantage(*made)
